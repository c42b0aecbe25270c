"""`file:path`: a file, or a folder, of this machine."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from repro.errors import WeightsError
from repro.weights.download import check_room
from repro.weights.errand import Errand

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class LocalSource:
    """A file or folder of this machine, copied. A folder travels as a tar archive, the same for the same content."""

    path: Path
    needs_network = False

    @property
    def address(self) -> str:
        return self.path.as_uri()

    @property
    def is_folder(self) -> bool:
        return self.path.is_dir()

    def bring(self, errand: Errand) -> None:
        if self.is_folder:
            self._pack(errand)
        else:
            self._copy(errand)

    def _copy(self, errand: Errand) -> None:
        partial = errand.partial
        if self.path.exists() and not self.path.is_file():
            raise WeightsError(
                f"{self.path} is neither a file nor a folder", fix="name the file that holds the weights"
            )
        try:
            source = self.path.open("rb", buffering=0)
        except OSError as error:
            raise self._unreadable(error) from error
        with source:
            size_bytes = self.path.stat().st_size
            mark = f"{size_bytes} {self.path.stat().st_mtime_ns}"
            if partial.validator != mark or partial.total_bytes != size_bytes:
                partial.begin(mark, size_bytes)
            check_room(errand, self.address)
            source.seek(partial.size_bytes)
            errand.show()
            with partial.appending() as append:
                while block := self._read(source):
                    errand.stop.check()
                    if partial.size_bytes + len(block) > size_bytes:
                        partial.discard()
                        raise WeightsError(f"{self.path} grows while it is copied, or is no plain file")
                    append(block)
                    errand.show()

    def _read(self, source: io.FileIO) -> bytes:
        try:
            return source.read(_BLOCK_BYTES)
        except OSError as error:
            raise self._unreadable(error) from error

    def _pack(self, errand: Errand) -> None:
        members = sorted(path for path in self.path.rglob("*") if path.is_file())
        if not members:
            raise WeightsError(f"{self.path} is an empty folder", fix="name the folder that holds the weights")
        errand.partial.begin(None, None)
        errand.show()
        with errand.partial.appending() as append:
            target = cast("Any", _Writer(append, errand))  # tarfile asks for no more than write()
            with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for member in members:
                    self._add(archive, member)

    def _add(self, archive: tarfile.TarFile, path: Path) -> None:
        try:
            with path.open("rb") as content:
                entry = tarfile.TarInfo(path.relative_to(self.path).as_posix())
                entry.size = path.stat().st_size
                archive.addfile(entry, content)
        except OSError as error:
            if error.filename is None:  # from writing, not from reading
                raise
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> WeightsError:
        fix = "check the path; one that is not absolute begins at the model's folder, where its config.yaml lies"
        return WeightsError(f"cannot read {error.filename or self.path}: {error.strerror or error}", fix=fix)


class _Writer:
    """What tarfile writes to."""

    def __init__(self, append: Callable[[bytes], None], errand: Errand) -> None:
        self._append = append
        self._errand = errand

    def write(self, content: bytes) -> int:
        self._errand.stop.check()
        self._append(bytes(content))
        self._errand.show()
        return len(content)
