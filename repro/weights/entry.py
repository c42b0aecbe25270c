"""One file of a variant made ready: found in the store or brought from a source, checked, and put in its place."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from repro.config import WeightFile
from repro.errors import NotSetUpError, WeightsError
from repro.weights.archive import unpack
from repro.weights.blobs import Blobs
from repro.weights.errand import Errand, Patience, Stop
from repro.weights.hashes import file_sha256
from repro.weights.layout import SCRATCH_FOLDER, store_lock, unpacking_dir, variant_dir
from repro.weights.ledger import FOUND_IN_PLACE, FOUND_IN_STORE, Entry, entry_key, read_ledger, write_entry
from repro.weights.named import not_weights
from repro.weights.partial import Partial
from repro.weights.progress import Meter, Progress
from repro.weights.records import FileRecord, read_records, record_of, write_records
from repro.weights.sources import Source, sources_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Circumstances:
    """What all files of a fetch have in common."""

    weights_dir: Path
    progress: Progress
    patience: Patience
    offline: bool = False
    mirror: str | None = None
    stop: Stop = field(default_factory=Stop)

    @property
    def scratch(self) -> Path:
        return self.weights_dir / SCRATCH_FOLDER


class WantedFile:
    """One file of a variant that is not as it should be."""

    def __init__(self, model: str, variant: str, file: WeightFile, circumstances: Circumstances) -> None:
        self._file = file
        self._with = circumstances
        self._model, self._variant = model, variant
        self._folder = variant_dir(circumstances.weights_dir, model, variant)
        self._key = entry_key(model, variant, file.name)
        self._blobs = Blobs(circumstances.weights_dir)

    @property
    def known_sha256(self) -> str | None:
        """The hash that it has to have: what config.yaml states, or what was recorded at first use, of this file or of
        what another variant of the model had from the same address."""
        if self._file.sha256 is not None:
            return self._file.sha256
        entries = read_ledger(self._with.weights_dir)
        if self._key in entries:
            return entries[self._key].sha256
        record = read_records(self._folder).get(self._file.name)  # of a store that has no weights.lock yet
        return record.sha256 if record is not None else self._sha256_of_address(entries)

    @property
    def address(self) -> str:
        """Where it comes from first, without passwords."""
        return sources_of(self._model, self._variant, self._file, None)[0].address

    def _sha256_of_address(self, entries: Mapping[str, Entry]) -> str | None:
        of_model = (entry for key, entry in entries.items() if key.startswith(f"{self._model}/"))
        return next((entry.sha256 for entry in of_model if entry.source == self.address), None)

    def make_ready(self) -> None:
        """Find or bring it.

        Raises:
            WeightsError: no source has it, or has what it should be.
            NotSetUpError: offline, and it is not here.
            OSError: it cannot be written.
            StoppedError: another file has failed.
        """
        self._with.stop.check()
        if not (self._found_in_place() or self._found_in_store()):
            self._bring()

    def _found_in_place(self) -> bool:
        """Take in a whole file that lies in its place without a record: put there by hand, or of a copied store."""
        path, file = self._folder / self._file.name, self._file
        if file.name in read_records(self._folder) or not path.is_file() or file.unpack or not_weights(path):
            return False
        if file.size_bytes not in (None, path.stat().st_size):
            return False
        sha256 = file_sha256(path)
        if self.known_sha256 not in (None, sha256):
            return False
        self.adopt(sha256)
        return True

    def adopt(self, sha256: str) -> None:
        """Take the file that lies in its place, and has this hash, into the store of contents."""
        path = self._folder / self._file.name
        with store_lock(self._with.weights_dir):
            self._blobs.adopt(path, sha256)
            entry = Entry(sha256, path.stat().st_size, FOUND_IN_PLACE, _now())
            write_entry(self._with.weights_dir, self._key, entry)
            write_records(self._folder, {self._file.name: record_of(path, sha256)})

    def adopt_unpacked(self, archive: FileRecord, hashes: Mapping[str, str]) -> None:
        """The same for the folder that an archive became; `hashes` by the paths in the variant's folder."""
        members = {path.removeprefix(f"{self._file.name}/"): sha256 for path, sha256 in hashes.items()}
        with store_lock(self._with.weights_dir):
            for path, sha256 in hashes.items():
                self._blobs.adopt(self._folder / path, sha256)
            entry = Entry(archive.sha256, archive.size_bytes, FOUND_IN_PLACE, _now(), members)
            write_entry(self._with.weights_dir, self._key, entry)
            write_records(self._folder, {path: record_of(self._folder / path, hashes[path]) for path in hashes})

    def _found_in_store(self) -> bool:
        """Another variant has the same content, or this one had it before."""
        entry = self._entry_in_store()
        if entry is None:
            return False
        contents = [entry.sha256] if entry.members is None else list(entry.members.values())
        if not all(self._is_sound(sha256) for sha256 in contents):
            return False
        with store_lock(self._with.weights_dir):
            if not all(sha256 in self._blobs for sha256 in contents):  # removed meanwhile
                return False
            write_entry(self._with.weights_dir, self._key, entry)
            self._place(entry)
        return True

    def _entry_in_store(self) -> Entry | None:
        """What is known of the content that this file has to have, if it may lie in the store."""
        expected, file = self.known_sha256, self._file
        if expected is None:
            return None
        entries = read_ledger(self._with.weights_dir)
        known = [entry for entry in (entries.get(self._key), *entries.values()) if entry and entry.sha256 == expected]
        if not known and expected in self._blobs:
            known = [Entry(expected, self._blobs.path(expected).stat().st_size, FOUND_IN_STORE, _now())]
        may_be_folder = file.unpack or file.url.startswith("file:")
        fitting = [entry for entry in known if (may_be_folder if entry.members is not None else not file.unpack)]
        return next((entry for entry in fitting if file.size_bytes in (None, entry.size_bytes)), None)

    def _is_sound(self, sha256: str) -> bool:
        """A content is there and still what its name says; else it is removed, as it is of no use to anyone."""
        if sha256 not in self._blobs:
            return False
        if file_sha256(self._blobs.path(sha256)) == sha256:
            return True
        log.warning("a content in the store has changed; it is removed: %s", self._blobs.path(sha256))
        with store_lock(self._with.weights_dir):
            self._blobs.remove(sha256)
        return False

    def _bring(self) -> None:
        """Ask one source after the other.

        Raises:
            WeightsError: none has it; tells of each.
        """
        sources = sources_of(self._model, self._variant, self._file, self._with.mirror)
        usable = [source for source in sources if not (self._with.offline and source.needs_network)]
        if not usable:
            raise self._missing_offline()
        failures: list[WeightsError] = []
        for source, following in zip(usable, [*usable[1:], None], strict=True):
            try:
                return self._bring_from(source)
            except WeightsError as error:
                failures.append(error)
                if following is not None:
                    log.warning("%s: %s; trying %s", self._file.name, error.message, following.address)
        raise failures[0] if len(failures) == 1 else self._nowhere(failures)

    def _missing_offline(self) -> NotSetUpError:
        command = f"repro weights fetch {self._model} --variant {self._variant}"
        return NotSetUpError(
            f"{self._model}: {self._file.name} of {self._variant} is not in {self._folder}, and nothing is fetched "
            "offline",
            fix=f"on a line: {command} (without --offline, and with REPRO_OFFLINE unset)",
        )

    def _nowhere(self, failures: list[WeightsError]) -> WeightsError:
        told = "\n".join(f"  {number}. {error.message}" for number, error in enumerate(failures, 1))
        fixes = dict.fromkeys(error.fix for error in failures if error.fix)
        return WeightsError(f"no source of {self._file.name} has it:\n{told}", fix="; or ".join(fixes))

    def _bring_from(self, source: Source) -> None:
        target = self._folder / self._file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        expected = self.known_sha256
        partial = Partial(target, source.address, expected)
        errand = Errand(
            name=self._file.name,
            partial=partial,
            meter=Meter(self._with.progress, self._file.name),
            progress=self._with.progress,
            patience=self._with.patience,
            stop=self._with.stop,
            scratch=self._with.scratch,
            sha256=expected,
            size_bytes=self._file.size_bytes,
        )
        resumed = partial.size_bytes > 0
        source.bring(errand)
        if resumed and expected not in (None, partial.sha256):
            # The first part may be of an older version, or have suffered when the machine went down.
            log.warning("%s: what was continued has another hash than it should; fetching it anew", self._file.name)
            partial.discard()
            source.bring(errand)
        self._check(source, partial, expected)
        entry = Entry(partial.sha256, partial.size_bytes, source.address, _now())
        if self._file.unpack or source.is_folder:
            self._keep_unpacked(partial, entry)
        else:
            self._keep(partial, entry)
        errand.meter.done()

    def _check(self, source: Source, partial: Partial, expected: str | None) -> None:
        """Refuse, and keep nothing of, what is not the file that it should be."""
        file = self._file
        flaw, fix = not_weights(partial.path), "check the address in config.yaml"
        if not flaw and file.size_bytes not in (None, partial.size_bytes):
            flaw = f"it has {partial.size_bytes:,} bytes instead of {file.size_bytes:,}"
        if not flaw and expected not in (None, partial.sha256):
            flaw = f"its sha256 is {partial.sha256} instead of {expected}"
            fix = "find out which is right: " + (
                "config.yaml states the other"
                if file.sha256 is not None
                else "the other was recorded when it was first fetched. To accept the new one: "
                f"repro weights forget {self._model} --variant {self._variant}, and fetch again"
            )
        if flaw:
            partial.discard()
            raise WeightsError(f"{source.address} is not {file.name}: {flaw}; nothing of it was kept", fix=fix)

    def _keep(self, partial: Partial, entry: Entry) -> None:
        with store_lock(self._with.weights_dir):
            # The hash is written down first: killed in between, the next fetch finds the content under it.
            write_entry(self._with.weights_dir, self._key, entry)
            self._blobs.take(partial.path, entry.sha256)
            self._place(entry)
        partial.taken()

    def _keep_unpacked(self, partial: Partial, archive: Entry) -> None:
        folder = unpacking_dir(self._folder) / archive.sha256
        try:
            names = unpack(partial.path, folder, self._file.name)
            hashes = {name: file_sha256(folder / name) for name in names}
            entry = replace(archive, members=hashes)
            with store_lock(self._with.weights_dir):
                write_entry(self._with.weights_dir, self._key, entry)
                for name, sha256 in hashes.items():
                    self._blobs.take(folder / name, sha256)
                self._place(entry)
        except WeightsError:
            partial.discard()
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        partial.discard()

    def _place(self, entry: Entry) -> None:
        """Put contents that are in the store in the variant's folder. Who calls this holds the lock of the store."""
        target = self._folder / self._file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        # What lay there goes first, with its record: killed in between, the one must not vouch for another.
        _clear(target)
        if self._file.name in read_records(self._folder):
            write_records(self._folder, {self._file.name: None})
        if entry.members is None:
            self._blobs.place(entry.sha256, target)
            records = {self._file.name: record_of(target, entry.sha256)}
        else:
            records = self._place_members(target, entry, entry.members)
        write_records(self._folder, records)

    def _place_members(self, target: Path, entry: Entry, members: dict[str, str]) -> dict[str, FileRecord]:
        records = {}
        for name, sha256 in members.items():
            self._blobs.place(sha256, target / name)
            records[f"{self._file.name}/{name}"] = record_of(target / name, sha256)
        whole = FileRecord(entry.sha256, entry.size_bytes, 0, tuple(records))
        return {**records, self._file.name: whole}


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
