"""Batches on their way to a worker and their answers on the way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from repro.errors import OutputError, PredictionError, ProtocolError, RecordError, ReproError, WorkerError
from repro.guest import exchange
from repro.guest.server import INLINE_BYTES, PROTOCOL

MAX_BATCH_BYTES = 8 << 20


@dataclass
class Batch:
    """Some records, written as JSONL, that go to a worker together. Kept until they are answered."""

    lines: bytes
    count: int
    first: int
    """Position of the first record in the whole input."""
    options: bytes
    folder: Path
    """Where its files are written."""
    array_stem: str | None = None
    """Prefix of the array files that its lines refer to and that go when it is answered."""
    deaths: int = 0
    """How many workers have died while they computed it."""
    call: int = 0
    """The call that it belongs to, by how often its session was interrupted before."""
    call_number: int = 0
    """What all batches of one call have in common, and no other call's: see `Runner.call`."""
    _file: Path | None = field(default=None)

    def __len__(self) -> int:
        return self.count

    def part(self, start: int, stop: int) -> Batch:
        """Some of its records as a batch of their own; the array files stay this one's."""
        lines = b"".join(self.lines.splitlines(keepends=True)[start:stop])
        return replace(
            self, lines=lines, count=stop - start, first=self.first + start, array_stem=None, deaths=0, _file=None
        )

    def describe(self) -> str:
        last = self.first + len(self) - 1
        return f"record {self.first}" if len(self) == 1 else f"records {self.first} to {last}"

    def message(self, number: int) -> bytes:
        """The request that hands it over: the records in it where they are few, else in a file.

        Raises:
            OutputError: the file cannot be written.
        """
        head = b'{"repro":%d,"id":%d,"call":%d,"options":%s,' % (PROTOCOL, number, self.call_number, self.options)
        if len(self.lines) <= INLINE_BYTES and exchange.ARRAY_MARK not in self.lines:
            records: bytes = exchange.joined(self.lines)
            return head + b'"records":[' + records + b"]}\n"
        if self._file is None:
            self._file = self.folder / f"{number}.jsonl"
            try:
                self._file.write_bytes(self.lines)
            except OSError as error:
                raise _exchange_failed(self.folder, error) from None
        return head + b'"input":"%s"}\n' % self._file.name.encode("ascii")

    def remove_files(self) -> None:
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        if self.array_stem is not None:
            for path in self.folder.glob(f"{self.array_stem}.*.npy"):
                path.unlink(missing_ok=True)


class BatchWriter:
    """Cuts records into batches and writes them as lines."""

    def __init__(self, folder: Path, numbers: Iterator[int], options: Mapping[str, Any], call_number: int = 0) -> None:
        self._folder = folder
        self._numbers = numbers
        self._options = exchange.encode_line(options)
        self._call_number = call_number

    def batches(self, records: Sequence[Mapping[str, Any]], first: int) -> Iterator[Batch]:
        """Batches of at most `MAX_BATCH_BYTES` bytes, arrays not counted; one record is never cut.

        Raises:
            RecordError: a record holds what cannot be handed over; names its index.
            OutputError: an array cannot be written.
        """
        stem = f"a{next(self._numbers)}"
        encoder = exchange.BatchEncoder(str(self._folder), stem)
        lines = self._lines(encoder, records, first)
        # All pieces of one chunk share its array files; the last one, answered last, removes them.
        array_stem = stem if encoder.has_arrays else None
        done = 0
        for piece in _pieces(lines):
            count = len(records) if len(piece) == len(lines) else piece.count(b"\n")
            done += count
            is_last = done == len(records)
            yield Batch(
                *(piece, count, first + done - count, self._options, self._folder),
                array_stem=array_stem if is_last else None,
                call_number=self._call_number,
            )

    def _lines(self, encoder: exchange.BatchEncoder, records: Sequence[Mapping[str, Any]], first: int) -> bytes:
        try:
            lines: bytes = exchange.encode_batch(encoder, records)
            encoder.close()
        except TypeError as error:
            encoder.discard()
            index = first + getattr(error, "index", 0)
            raise RecordError(f"record {index} cannot be handed over: {error}", index=index) from None
        except OSError as error:
            encoder.discard()
            raise _exchange_failed(self._folder, error) from None
        return lines


def _pieces(lines: bytes) -> Iterator[bytes]:
    """Whole lines, at most MAX_BATCH_BYTES at a time unless one line alone is longer."""
    start = 0
    while len(lines) - start > MAX_BATCH_BYTES:
        stop = lines.rfind(b"\n", start, start + MAX_BATCH_BYTES) + 1 or lines.index(b"\n", start) + 1
        yield lines[start:stop]
        start = stop
    if start < len(lines):
        yield lines[start:] if start else lines


def read_answers(message: Mapping[str, Any], batch: Batch, folder: Path) -> list[dict[str, Any] | ReproError]:
    """The answers that a worker's message brings, one a record; a record that failed gives its PredictionError.

    Raises:
        ProtocolError: too few, too many, cut or malformed answers.
        OutputError: the worker could not write them.
    """
    if "error" in message:
        raise _batch_error(message["error"], batch, folder)
    rows: Any = _read_file(message["output"], folder, batch) if "output" in message else message.get("results")
    if not isinstance(rows, list) or len(rows) != len(batch):
        count = len(rows) if isinstance(rows, list) else "no list of"
        raise _broken(f"run.py gave {count} answers for {batch.describe()} ({len(batch)} records)")
    if set(map(type, rows)) != {dict}:
        position = next(index for index, row in enumerate(rows) if type(row) is not dict)
        shown = str(rows[position])[:80]
        raise _broken(f"run.py answered record {batch.first + position} with no JSON object: {shown}")
    answers: list[dict[str, Any] | ReproError] = rows
    for position in [index for index, row in enumerate(rows) if "error" in row and _says_that_it_failed(row)]:
        answers[position] = _prediction_error(rows[position]["error"], batch.first + position)
    return answers


def _says_that_it_failed(row: Mapping[str, Any]) -> bool:
    """Whether it is the row of a record that failed, and not the answer of a model that computes some `error`."""
    said = row["error"]
    return len(row) == 1 and isinstance(said, dict) and "type" in said and "message" in said


def _read_file(name: object, folder: Path, batch: Batch) -> list[Any]:
    if not isinstance(name, str) or Path(name).name != name:
        raise _broken(f"run.py names a file outside the exchange folder: {name!r}")
    try:
        rows: list[Any] = exchange.read_batch(str(folder), name, consume=True)
    except exchange.ExchangeError as error:
        raise _broken(f"the answers of run.py to {batch.describe()} cannot be read: {error}") from None
    return rows


def _broken(what: str) -> ProtocolError:
    return ProtocolError(what, fix="run.py has to give one JSON object a record, in order (docs/adding-a-model.md)")


def _batch_error(said: object, batch: Batch, folder: Path) -> ReproError:
    if not isinstance(said, dict):
        return _broken(f"run.py answered {batch.describe()} with an error that is no object: {str(said)[:80]}")
    kind, text = str(said.get("type")), str(said.get("message"))
    if kind == "ContractError":
        return _broken(f"{text} ({batch.describe()})")
    if kind == "HandOverError":
        return OutputError(
            f"the worker cannot write its answers to {folder}: {text}",
            fix="set REPRO_EXCHANGE_DIR to a folder with room, or hand over smaller batches (batch_size=)",
        )
    return WorkerError(f"the worker failed on {batch.describe()}: {kind}: {text}")


def _prediction_error(said: Mapping[str, Any], index: int) -> PredictionError:
    return PredictionError(index, str(said["type"]), str(said["message"]), str(said.get("traceback", "")))


def _exchange_failed(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"records cannot be handed over through {folder}: {error.strerror}",
        fix="set REPRO_EXCHANGE_DIR to a folder with room",
    )
