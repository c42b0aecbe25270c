"""Building an image: with BuildKit through a docker client where there is one, else with the engine's own builder."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from repro._version import __version__
from repro.errors import BuildError, Evidence
from repro.images.context import stage_context
from repro.runtimes.container import LABEL
from repro.runtimes.engine import connect, describe
from repro.runtimes.pip_settings import PipSettings, read_pip_settings

_SHOWN_LINES = 20
_NO_BASE_IMAGE = re.compile(
    r"failed to (?:resolve|authorize|do request|fetch)|pull access denied|manifest (?:for|unknown)|/v2/|auth\.docker"
)
_MOUNT = re.compile(r"--mount=\S+\s*")
Report = Callable[[str], None]


def build_image(folder: Path, image: str, report: Report) -> None:
    """Build `image` from a model's folder. Unchanged parts come from the builder's cache.

    Args:
        folder: holds the Dockerfile.
        image: name:version to give it.
        report: gets the builder's output, a line at a time.

    Raises:
        BuildError: no Dockerfile, or a step failed: holds its last lines.
        EngineUnavailableError: no engine answers.
    """
    if not (folder / "Dockerfile").is_file():
        raise BuildError(f"{folder} has no Dockerfile", fix="see docs/adding-a-model.md")
    client = connect()
    with tempfile.TemporaryDirectory(prefix="repro-build-") as staged:
        context = Path(staged) / "context"
        stage_context(folder, context)
        docker = buildkit_client() if describe(client).name == "Docker" else None
        if docker is not None:
            _build_with_buildkit(docker, context, image, report)
        else:
            _build_with_engine(client, context, image, report)
    report(f"built {image}")


def buildkit_client() -> str | None:
    """A docker client on PATH that can build with BuildKit: with buildx, or from before that was split off."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        docker = shutil.which("docker", path=folder)
        if docker is None:
            continue
        has_buildx = subprocess.run([docker, "buildx", "version"], capture_output=True, check=False)
        if has_buildx.returncode == 0:
            return docker
        version = subprocess.run([docker, "--version"], capture_output=True, text=True, check=False)
        match = re.search(r"version (\d+)\.", version.stdout)
        if match and 19 <= int(match[1]) < 23:
            return docker
    return None


def _build_with_buildkit(docker: str, context: Path, image: str, report: Report) -> None:
    with _pip_secrets() as secrets:
        command = [docker, "build", "--progress", "plain", "--tag", image, "--label", f"{LABEL}={__version__}"]
        command += [*secrets, str(context)]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
            encoding="utf-8",
            errors="replace",
        )
        tail: deque[str] = deque(maxlen=_SHOWN_LINES)
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.strip():
                    tail.append(line.rstrip())
                    report(line.rstrip())
        except BaseException:
            process.terminate()
            raise
        finally:
            code = process.wait()
    if code != 0:
        raise _build_error(image, list(tail), code)


def _build_with_engine(client: Any, context: Path, image: str, report: Report) -> None:
    import docker.errors

    dockerfile = context / "Dockerfile"
    if describe(client).name == "Docker":
        # The classic builder knows no mounts: they hold caches and pip's configuration, which a build can do without.
        dockerfile.write_text(_MOUNT.sub("", dockerfile.read_text()))
    tail: deque[str] = deque(maxlen=_SHOWN_LINES)
    try:
        stream = client.api.build(
            path=str(context), tag=image, rm=True, forcerm=True, decode=True, labels={LABEL: __version__}
        )
        for message in stream:
            for line in str(message.get("stream") or message.get("error") or "").splitlines():
                if line.strip():
                    tail.append(line.rstrip())
                    report(line.rstrip())
            if "error" in message:
                raise _build_error(image, list(tail), None)
    except docker.errors.APIError as error:
        raise _build_error(image, [*tail, str(error.explanation or error)], None) from None


def _build_error(image: str, tail: list[str], code: int | None) -> BuildError:
    step = next(
        (line for line in tail if "ERROR" in line or "returned a non-zero code" in line), tail[-1] if tail else ""
    )
    fix = "read the last lines below, mend the Dockerfile or the requirements, and set up again"
    if _NO_BASE_IMAGE.search(step):
        fix = "the base image cannot be pulled: check the network, or make it here (`make engine` does)"
    evidence = Evidence(runtime="docker", image=image, exit_code=code, log_tail=tuple(tail))
    return BuildError(f"the image {image} could not be built: {step.strip()[:300]}", fix=fix, evidence=evidence)


@contextlib.contextmanager
def _pip_secrets() -> Iterator[list[str]]:
    """This machine's pip configuration, for the RUN lines that mount the secret `pip.conf`; it stays in no layer."""
    settings = read_pip_settings(os.environ)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="repro-secret-")))
        arguments: list[str] = []
        lines = ["[global]"]
        links = [stack.enter_context(_served(link)) for link in settings.find_links]
        if links:
            arguments += ["--network", "host"]  # local folders are served on this machine's loopback
        lines += _pip_lines(settings, links)
        if settings.certificate is not None and settings.certificate.is_file():
            lines.append("cert = /run/secrets/ca.crt")
            arguments += ["--secret", f"id=ca.crt,src={settings.certificate}"]
        (folder / "pip.conf").write_text("\n".join(lines) + "\n")
        yield [*arguments, "--secret", f"id=pip.conf,src={folder / 'pip.conf'}"]


def _pip_lines(settings: PipSettings, links: list[str]) -> list[str]:
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
