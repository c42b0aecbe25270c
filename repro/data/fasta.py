"""FASTA: an `id` and a sequence a record. What stands behind the id in a header line is left out."""

from __future__ import annotations

import locale
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from repro.data.formats import is_stream
from repro.data.source import CheckedText, is_pipe, nothing_in, open_text
from repro.errors import InputFileError

_FIX = "every record starts with a line `>name`, its sequence on the lines below"


class _Entry(NamedTuple):
    """What dnaio makes of one record; its own class refuses headers that are not ASCII."""

    name: str
    sequence: str
    qualities: None


def read_fasta(path: str | Path, sequence_key: str = "sequence") -> Iterator[dict[str, object]]:
    """Records `{"id": first word of the header, sequence_key: sequence}`, as they are read.

    Lines of one sequence are joined and blanks in it dropped; nothing else about it is changed or checked.

    Raises:
        InputFileError: text before the first header, a header without a sequence; see also `open_text`.
    """
    with open_text(path) as text:
        count = 0
        for entry in _entries(text):
            if not entry.sequence:
                raise _empty_sequence(path, text, entry, count)
            count += 1
            yield {"id": _identifier(entry.name), sequence_key: _joined(entry.sequence)}
        if not count:
            raise nothing_in(path, size=text.size)


def _entries(text: CheckedText) -> Iterator[_Entry]:
    import dnaio
    from dnaio.exceptions import FastaFormatError

    try:
        yield from dnaio.FastaReader(text, sequence_class=_Entry)  # type: ignore[misc]
    except FastaFormatError as error:
        where = "" if error.line is None else f": line {error.line + 1} stands before the first header"
        raise InputFileError(f"{text.name_shown} is not FASTA{where}", fix=_FIX) from None


def _identifier(header: str) -> str:
    words = header.split(maxsplit=1)
    if not words or words[0].isascii():
        return words[0] if words else ""
    # dnaio decodes in the locale's encoding; the file is UTF-8, whatever the locale is.
    return words[0].encode(locale.getpreferredencoding(False)).decode("utf-8")


def _joined(sequence: str) -> str:
    return "".join(sequence.split()) if " " in sequence or "\t" in sequence else sequence


def _empty_sequence(path: str | Path, text: CheckedText, entry: _Entry, index: int) -> InputFileError:
    line = _header_line(path, index)
    where = f"record {index}" if line is None else f"line {line}"
    name = _identifier(entry.name) or "without a name"
    fix = "give it a sequence or take the record out"
    return InputFileError(f"{text.name_shown}, {where}: the record {name!r} has no sequence", fix=fix)


def _header_line(path: str | Path, index: int) -> int | None:
    """The line of the header of record `index`, found by reading again; None where that cannot be done."""
    if is_stream(path) or is_pipe(path):
        return None
    with open_text(path) as text:
        headers = (number for number, line in enumerate(text, 1) if line.lstrip().startswith(b">"))
        return next((number for seen, number in enumerate(headers) if seen == index), None)
