"""A real registry on loopback, Debian's docker-registry, and a line to it that can be cut."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOW_TO_GET_IT = "get it with `make engine`"
USER, PASSWORD = "ada", "open sesame"
_HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n"  # bcrypt, of PASSWORD
_STARTS_WITHIN_S = 20
_CHUNK_BYTES = 1 << 14


def registry_program() -> str | None:
    """docker-registry, where this machine or scripts/registry.sh has it."""
    unpacked = ROOT / "build" / "tools" / "docker-registry"
    return shutil.which("docker-registry") or (str(unpacked) if os.access(unpacked, os.X_OK) else None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class Registry:
    """A registry whose storage lies in `folder`. It can be stopped, and started again on the same port."""

    folder: Path
    wants_login: bool = False
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        program = registry_program()
        assert program is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / f"registry-{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen([program, "serve", str(self._config())], stdout=log, stderr=log)
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while self._status() is None:
            assert self.process.poll() is None, log.name
            assert time.monotonic() < deadline, f"the registry does not answer; its log: {log.name}"
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def blob(self, digest: str) -> Path:
        """Where content lies in its storage."""
        hexadecimal = digest.partition(":")[2]
        return self.folder / "docker/registry/v2/blobs/sha256" / hexadecimal[:2] / hexadecimal / "data"

    def tags(self, path: str) -> list[str]:
        """The tags of a repository, as they lie in its storage."""
        return sorted(
            found.name for found in self.folder.glob(f"docker/registry/v2/repositories/{path}/_manifests/tags/*")
        )

    def _config(self) -> Path:
        config: dict[str, object] = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(self.folder)}, "delete": {"enabled": True}},
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
        if self.wants_login:
            users = self.folder.parent / "htpasswd"
            users.write_text(_HTPASSWD)
            config["auth"] = {"htpasswd": {"realm": "tests", "path": str(users)}}
        path = self.folder.parent / f"registry-{self.port}.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        return path

    def _status(self) -> int | None:
        try:
            with urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None


@contextlib.contextmanager
def running(folder: Path, *, wants_login: bool = False) -> Iterator[Registry]:
    """A registry that runs until the block ends."""
    registry = Registry(folder / "storage", wants_login)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


class Line:
    """A line to a registry, with a port of its own. It cuts what carries more bytes than it bears, until mended."""

    def __init__(self, target_port: int, limit_bytes: int) -> None:
        self._target_port = target_port
        self._limit_bytes: float = limit_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.was_cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def mend(self) -> None:
        self._limit_bytes = float("inf")

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            server = socket.create_connection(("127.0.0.1", self._target_port))
            threading.Thread(target=self._carry, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, is_counted: bool) -> None:
        carried_bytes = 0
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                carried_bytes += len(data)
                if is_counted and carried_bytes > self._limit_bytes:
                    self.was_cut.set()
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
