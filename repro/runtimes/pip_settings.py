"""Where pip is told to get packages from, so that uv, and pip inside an image, get them from the same place."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PipSettings:
    """The part of pip's configuration that says where packages come from."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    certificate: Path | None = None
    no_index: bool = False

    def uv_environment(self) -> dict[str, str]:
        """The same as variables for uv."""
        values = {
            "UV_DEFAULT_INDEX": self.index_url,
            "UV_INDEX": " ".join(self.extra_index_urls),
            "UV_FIND_LINKS": ",".join(self.find_links),
            "UV_INSECURE_HOST": " ".join(self.trusted_hosts),
            "SSL_CERT_FILE": str(self.certificate) if self.certificate else None,
            "UV_NO_INDEX": "1" if self.no_index else None,
            # pip takes the best version of all indexes; uv by default stops at the first that knows the name.
            "UV_INDEX_STRATEGY": "unsafe-best-match" if self.extra_index_urls else None,
        }
        return {name: value for name, value in values.items() if value}


def read_pip_settings(environ: Mapping[str, str]) -> PipSettings:
    """Read pip's files and variables, in pip's own order: global, user, environment, PIP_CONFIG_FILE, variables."""
    values: dict[str, str] = {}
    for path in _files(environ):
        values.update(_read(path))
    for name, value in environ.items():
        if name.startswith("PIP_"):
            values[name[4:].lower().replace("_", "-")] = value
    certificate = values.get("cert")
    return PipSettings(
        index_url=values.get("index-url") or None,
        extra_index_urls=tuple(values.get("extra-index-url", "").split()),
        find_links=tuple(values.get("find-links", "").split()),
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        certificate=Path(certificate) if certificate else None,
        no_index=values.get("no-index", "").lower() in ("1", "true", "yes", "on"),
    )


def _files(environ: Mapping[str, str]) -> list[Path]:
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = Path(environ.get("HOME", "~")).expanduser()
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    files += [home / ".pip/pip.conf", config / "pip/pip.conf", Path(sys.prefix) / "pip.conf"]
    return [*files, Path(named)] if named else files


def _read(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):  # pip itself says so when it is used
        return {}
    values: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            values.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    return values
