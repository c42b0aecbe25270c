"""One run from an input file to an output file: a row a record, in order; an interrupted run can be gone on with."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.errors import PredictionError, RecordError, ReproError, SettingsError
from repro.provenance.maker import Maker, describe_maker, is_classic
from repro.provenance.manifest import manifest_path
from repro.provenance.record import RunRecord
from repro.provenance.writing import has_manifest, write_with_manifest
from repro.record_source import InputFile, RecordSource
from repro.table_fit import check_fits, what_fits

if TYPE_CHECKING:
    from repro.data.columns import Row
    from repro.data.spool import Spool
    from repro.model import Model, OnError
    from repro.runtimes.base import Runtime
    from repro.session import Answer

Say = Callable[[str], None]
Watch = Callable[[Iterator["Row"], int | None], Iterator["Row"]]
"""Gets the rows as they come, and how many will come where that is known; gives them on."""


@dataclass(frozen=True)
class FileRun:
    """What to read, where to write, and what to do about a record that fails."""

    input: InputFile
    output: str | Path
    output_format: str | None = None
    on_error: OnError = "raise"
    """`raise`: the first record that fails ends the run; `return`: its row holds the error."""
    resume: bool = False
    """Go on where an interrupted run with the same settings stopped."""
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """Keywords that the model was made with and that it does not tell itself (`weights`, `memory`, `cpus`), as they
    were given: the manifest has them, so that the run can be done again."""


@dataclass(frozen=True)
class Outcome:
    """What a run did and what made its rows."""

    output: str
    records: int
    failed: int
    resumed: int
    """How many of the records an earlier run had done."""
    start_s: float
    """Seconds until the worker had its model loaded."""
    seconds: float
    """Seconds from then until the last row was there."""
    maker: Maker
    worker: Mapping[str, Any] = field(default_factory=dict)
    """What the worker said of itself: Python, device, packages."""
    manifest: str | None = None
    """Where it is written what made the output; None for standard output and pipes."""

    @property
    def records_per_s(self) -> float:
        return (self.records - self.resumed) / self.seconds if self.seconds else 0.0


def _unsaid(_: str) -> None:
    """Say it to nobody."""


def _unwatched(rows: Iterator[Row], _: int | None) -> Iterator[Row]:
    return rows


def predict_file(model: Model, run: FileRun, *, say: Say = _unsaid, watch: Watch = _unwatched) -> Outcome:
    """Run a model on every record of a file and write a row for each.

    The output appears when all rows are there, and with it the manifest that says what made it. Until then they are
    kept beside it, so that a run that was interrupted is gone on with by `resume`: its output is the same, byte for
    byte, as that of a run without an interruption, where a model's numbers do not depend on what it had before.

    Args:
        model: not closed by this.
        run: what to do.
        say: told, in a line, what happens.
        watch: sees the rows pass.

    Raises:
        SettingsError: the output is the input; only a file can be gone on with.
        OutputError: the output cannot be written (told before anything starts, where that can be known).
        InputError: the input cannot be taken; a file is checked before anything starts.
        PredictionError: the model raised for a record, and `on_error` is "raise".
        SetupError, RuntimeUnavailableError, DeviceError, WorkerError: it could not be computed.

    >>> from repro.models.antiberty import AntiBERTy
    >>> run = FileRun(InputFile("antibodies.fasta"), "embeddings.parquet")
    >>> with AntiBERTy() as model:  # doctest: +SKIP
    ...     predict_file(model, run).records
    43
    """
    from repro.data.formats import is_stream
    from repro.data.output import check_writable
    from repro.data.writers import check_output

    output_format = check_output(run.output, format=run.output_format)
    to_file = not is_stream(run.output)
    check_fits(model, output_format)
    source = RecordSource(
        run.input, type(model), lambda records, first: model.check_call(records, run.on_error, first=first)
    )
    if to_file and source.can_be_read_again:
        _refuse_same_file(run)
    if run.resume and not (to_file and source.can_be_read_again):
        raise SettingsError("only a run from a file to a file can be gone on with", fix="leave --resume out")
    if has_manifest(run.output):
        check_writable(manifest_path(run.output))
    total = source.check()
    job = _Job(model, replace(run, output_format=output_format), source, describe_maker(model), total, say, watch)
    return job.to_file() if to_file else job.to_stream()


def _refuse_same_file(run: FileRun) -> None:
    """A link to the input is the input: what it holds would be lost."""
    given, output = Path(run.input.path), Path(run.output)
    if output.exists() and output.samefile(given):
        raise SettingsError(f"{output} is the input: it would be overwritten", fix="name another output")


class _Job:
    """A run that goes on: what it needs, and what it has counted so far."""

    def __init__(
        self, model: Model, run: FileRun, source: RecordSource, maker: Maker, total: int | None, say: Say, watch: Watch
    ) -> None:
        self._model = model
        self._run = run
        self._source = source
        self._maker = maker
        self._total = total
        self._say = say
        self._watch = watch
        self._records = self._failed = self._resumed = 0
        self._worker: Mapping[str, Any] = {}
        self._start_s = self._seconds = 0.0
        self._manifest: Path | None = None

    def to_stream(self) -> Outcome:
        """Write each row as it comes."""
        from repro.data.writers import write_records

        self._start()
        begun = time.monotonic()
        write_records(self._run.output, self._watch(self._rows(0), self._total), format=self._run.output_format)
        self._seconds = time.monotonic() - begun
        return self._outcome()

    def to_file(self) -> Outcome:
        """Keep the rows beside the file until all are there, then write it."""
        from repro.data.spool import Spool, partial_folder

        run = self._run
        record = RunRecord(self._model, self._maker, self._source, partial_folder(run.output))
        if run.resume and not partial_folder(run.output).exists() and (finished := self._finished(record)) is not None:
            return finished
        with Spool.open(run.output, self._fingerprint(record), resume=run.resume) as spool:
            if spool.discarded:
                self._say(f"{spool.discarded:,} rows of an interrupted run are dropped; --resume would have kept them")
            self._count_resumed(spool)
            if self._total is None or spool.done < self._total:
                with _removed_when_useless(spool, self._source):
                    self._compute_into(spool, record)
            self._write(spool, record)
            spool.remove()
        return self._outcome()

    def _finished(self, record: RunRecord) -> Outcome | None:
        """What an earlier run with the same settings did, where its output is complete."""
        from repro.finished_output import Wanted, find_finished
        from repro.provenance.recording import describe_made_by

        run, file = self._run, self._source.file
        read: dict[str, object] = {"input_format": self._source.format, "output_format": run.output_format}
        read |= {"mapping": dict(file.mapping), "limit": file.limit}
        made_by = describe_made_by(self._model, self._maker)
        manifest = find_finished(run.output, Wanted(made_by, record.input_sha256, read))
        if manifest is None:
            return None
        self._say(f"{run.output} is complete already: nothing to do")
        counts, self._manifest = manifest.records, manifest_path(run.output)
        self._records, self._failed, self._resumed = counts.total, counts.failed, counts.total
        return self._outcome()

    def _count_resumed(self, spool: Spool) -> None:
        from repro.data.columns import is_failed

        if spool.done:
            self._records = self._resumed = spool.done
            self._failed = sum(map(is_failed, spool.rows()))
            self._say(f"{spool.done:,} records are done already")

    def _write(self, spool: Spool, record: RunRecord) -> None:
        from repro.data.writers import write_records

        run = self._run
        assert run.output_format is not None
        if not has_manifest(run.output):
            write_records(run.output, spool.rows(), format=run.output_format)
            return
        if record.input_has_changed:
            self._say(f"{run.input.path} changed while it was read: the manifest cannot say what was in it")
        self._manifest = write_with_manifest(
            run.output, spool.rows(), run.output_format, lambda output: record.manifest(run, self._outcome(), output)
        )

    def _compute_into(self, spool: Spool, record: RunRecord) -> None:
        from repro.data.writers import fitting

        done = spool.done
        self._start()
        record.begin(done, self._worker)
        begun = time.monotonic()
        assert self._run.output_format is not None
        rows = self._watch(self._rows(done), None if self._total is None else self._total - done)
        spool.append(fitting(rows, self._run.output_format, what_fits(self._model, self._run.output_format)))
        self._seconds = time.monotonic() - begun

    def _start(self) -> None:
        """Start the worker, so that what keeps it from starting is told before anything is written."""
        if is_classic(self._model):
            return
        begun = time.monotonic()
        if not self._model.session.is_warm:
            self._say(f"starting {self._model.name} on {_shown_runtime(self._model.runtime)}")
        self._worker = self._model.ping()
        self._start_s = time.monotonic() - begun

    def _rows(self, done: int) -> Iterator[Row]:
        """The rows of the output from number `done` on, as they are computed.

        Computing begins with the batch that holds the first of them: what a model computes may differ in the last bit
        with what else is in the batch, and a run that was interrupted shall give what an undisturbed one gives.
        """
        start = done - done % self._model.batch_size
        carried: deque[dict[str, object]] = deque()
        answers = self._model.answers(self._taken(start, carried), first=start)
        with _located(self._source):
            for index, answer in enumerate(answers, start):
                beside = carried.popleft()
                if index < done:
                    continue
                if self._run.on_error == "raise" and isinstance(answer, ReproError):
                    raise answer
                self._records += 1
                self._failed += isinstance(answer, ReproError)
                yield _row(beside, answer, self._source)

    def _taken(self, start: int, carried: deque[dict[str, object]]) -> Iterator[Mapping[str, object]]:
        """The records for the model; what stands beside each goes to `carried`."""
        for row in self._source.rows(start):
            record, beside = self._source.split(row)
            carried.append(beside)
            yield record

    def _fingerprint(self, record: RunRecord) -> dict[str, object]:
        """All that the rows depend on."""
        source, file = self._source, self._source.file
        read: dict[str, object] = {"sha256": record.input_sha256, "format": source.format}
        read |= {"mapping": dict(file.mapping), "limit": file.limit}
        return {"made_by": asdict(self._maker), "input": read}

    def _outcome(self) -> Outcome:
        return Outcome(
            output=str(self._run.output),
            records=self._records,
            failed=self._failed,
            resumed=self._resumed,
            start_s=self._start_s,
            seconds=self._seconds,
            maker=self._maker,
            worker=self._worker,
            manifest=None if self._manifest is None else str(self._manifest),
        )


def _shown_runtime(runtime: Runtime) -> str:
    """Its name, and what it means that it was chosen for want of another."""
    away = getattr(runtime, "instead_of_docker", "")
    return f"{runtime.name}, without isolation: no Docker engine answers" if away else runtime.name


def _row(beside: dict[str, object], answer: Answer, source: RecordSource) -> Row:
    """One row of the output: what was carried past the model, and its answer."""
    from repro.data.fields import join_error, join_result

    if isinstance(answer, PredictionError):
        return join_error(beside, answer.error_type, answer.error_message)
    if isinstance(answer, ReproError):
        return join_error(beside, type(answer).__name__, answer.message)
    if "id" in answer and "id" in beside and source.takes("id"):
        del beside["id"]  # the model was given it, and gives it back
    return join_result(beside, answer)


@contextmanager
def _removed_when_useless(spool: Spool, source: RecordSource) -> Iterator[None]:
    """Leave nothing beside the output when the block fails and there is nothing that could be gone on with."""
    try:
        yield
    except BaseException:
        if not (spool.done and source.can_be_read_again):
            spool.remove()
        raise


@contextmanager
def _located(source: RecordSource) -> Iterator[None]:
    """Tell the file and the line of a record that does not fit and was not met when the input was checked."""
    try:
        yield
    except RecordError as error:
        raise source.located(error) from None
