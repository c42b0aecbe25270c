"""This machine's pip configuration, for the RUN lines that mount it. It stays in no layer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from repro.images.secrets import Secret
from repro.runtimes.pip_settings import PipSettings

PIP_CONF, CERTIFICATE = "pip.conf", "ca.crt"


@dataclass(frozen=True)
class PipSecrets:
    """What a build gets of pip's configuration."""

    secrets: tuple[Secret, ...]
    needs_host_network: bool
    """Local folders with packages are served on this machine's loopback."""
    hidden: tuple[str, ...]
    """Passwords in it, which nobody is told."""


@contextlib.contextmanager
def pip_secrets(settings: PipSettings, folder: Path) -> Iterator[PipSecrets]:
    """Files in `folder`, which is private, for as long as a build runs."""
    with contextlib.ExitStack() as stack:
        secrets: list[Secret] = []
        lines = ["[global]"]
        links = [stack.enter_context(_served(link)) for link in settings.find_links]
        lines += _lines(settings, links)
        if settings.certificate is not None and settings.certificate.is_file():
            lines.append(f"cert = /run/secrets/{CERTIFICATE}")
            secrets.append(Secret(CERTIFICATE, settings.certificate))
        (folder / PIP_CONF).write_text("\n".join(lines) + "\n", encoding="utf-8")
        secrets.append(Secret(PIP_CONF, folder / PIP_CONF))
        addresses = [settings.index_url or "", *settings.extra_index_urls, *settings.find_links]
        hidden = tuple(filter(None, (urlsplit(address).password for address in addresses)))
        yield PipSecrets(tuple(secrets), bool(links), hidden)


def _lines(settings: PipSettings, links: list[str]) -> list[str]:
    remote = [url for url in settings.extra_index_urls if not url.startswith("file:")]
    lines = []
    if settings.index_url:
        lines.append(f"index-url = {settings.index_url}")
    if remote:
        lines.append(f"extra-index-url = {' '.join(remote)}")
    if links:
        lines.append(f"find-links = {' '.join(links)}")
    if settings.trusted_hosts or links:
        lines.append(f"trusted-host = {' '.join([*settings.trusted_hosts, *(['127.0.0.1'] if links else [])])}")
    return lines


@contextlib.contextmanager
def _served(link: str) -> Iterator[str]:
    """A `find-links` value as the build sees it: a local folder is served over loopback while the build runs."""
    path = Path(link.removeprefix("file://"))
    if not path.is_dir():
        yield link
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(path)))
    thread = Thread(target=server.serve_forever, name="repro-find-links", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: the build's own output tells what was fetched."""
