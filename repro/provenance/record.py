"""What is written down while a run goes on, for the manifest of its output."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.provenance.maker import Maker
from repro.provenance.manifest import (
    LAYOUT,
    Counts,
    FileFacts,
    Manifest,
    RunFacts,
    Seconds,
    Stint,
)
from repro.provenance.privacy import without_secrets
from repro.provenance.recording import describe_host, describe_made_by, describe_worker
from repro.provenance.writing import describe_file, read_stints, write_stint

if TYPE_CHECKING:
    from repro.file_run import FileRun, Outcome
    from repro.model import Model
    from repro.record_source import RecordSource


class RunRecord:
    """The record of one run from a file to a file.

    Args:
        model: what computes.
        maker: the same, as it was described before the run.
        source: what is read.
        folder: where the run keeps its rows; who computed them is kept beside them, for a run that goes on with it.

    Raises:
        InputFileError: the input cannot be read.
    """

    def __init__(self, model: Model, maker: Maker, source: RecordSource, folder: Path) -> None:
        self._started, self._begun = now(), time.monotonic()
        self._made_by = describe_made_by(model, maker)
        self._source = source
        self._folder = folder
        self._state = self._input_state()  # before it is read: a change meanwhile shows
        self._input = self._read_input()

    @property
    def input_sha256(self) -> str | None:
        return self._input.sha256

    @property
    def input_has_changed(self) -> bool:
        """Whether the input is another file now, or was written to."""
        return self._state != self._input_state()

    def begin(self, first: int, pong: Mapping[str, Any]) -> None:
        """From row number `first` on, rows are computed here, by the worker that answered with `pong`."""
        write_stint(self._folder, Stint(first, now(), describe_worker(pong), describe_host()))

    def manifest(self, run: FileRun, outcome: Outcome, output: FileFacts) -> Manifest:
        """The manifest of the output, which is complete."""
        *earlier, last = self._stints(outcome.records)
        return Manifest(
            repro_manifest=LAYOUT,
            made_by=self._made_by,
            run=self._run_facts(run),
            worker=last.worker,
            host=last.host,
            resumed=tuple(earlier),
            started=self._started,
            ended=now(),
            seconds=Seconds(*(round(s, 3) for s in (outcome.start_s, outcome.seconds, time.monotonic() - self._begun))),
            records=Counts(outcome.records, outcome.failed, outcome.resumed),
            input=self._input_facts(),
            output=output,
        )

    def _stints(self, records: int) -> list[Stint]:
        """Who computed the rows; a run that was interrupted before its first row was safe computed none."""
        stints = read_stints(self._folder)
        following = [stint.first for stint in stints[1:]] + [records]
        computed = [stint for stint, end in zip(stints, following, strict=True) if stint.first < end]
        return computed or [Stint(0, self._started, None, describe_host())]

    def _run_facts(self, run: FileRun) -> RunFacts:
        file = self._source.file
        return RunFacts(
            input_format=self._source.format,
            output_format=run.output_format or "",
            mapping=dict(file.mapping),
            limit=file.limit,
            on_error=run.on_error,
            keywords={name: without_secrets(value, name) for name, value in run.keywords.items() if value is not None},
        )

    def _input_facts(self) -> FileFacts:
        if self.input_has_changed:
            return FileFacts(self._input.path, None, None)
        return self._input

    def _read_input(self) -> FileFacts:
        path = str(self._source.file.path)
        return describe_file(Path(path)) if self._source.can_be_read_again else FileFacts(path, None, None)

    def _input_state(self) -> tuple[int, int, int] | None:
        if not self._source.can_be_read_again:
            return None
        try:
            state = Path(self._source.file.path).stat()
        except FileNotFoundError:
            return (0, 0, 0)
        return (state.st_ino, state.st_size, state.st_mtime_ns)


def now() -> str:
    """This moment in UTC, as ISO 8601 has it.

    >>> now().endswith("Z")
    True
    """
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
