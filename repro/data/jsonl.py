"""JSONL: one JSON object a line.

JSON has no NaN and no infinity, and nothing may be lost or made up, so they are written as the texts `"NaN"`,
`"Infinity"` and `"-Infinity"` (as Protocol Buffers do in JSON): `float(text)` gives the number back. Reading refuses
the bare words, which only some parsers take.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from repro.data.source import CheckedText, nothing_in, open_text
from repro.errors import InputFileError, OutputError

_INT64 = 2.0**63
_UINT64 = 2.0**64
_NUMBER_KINDS = "biuf"
_TEXT_KIND = "U"


def read_jsonl(path: str | Path) -> Iterator[dict[str, object]]:
    """The objects of a JSONL file as they are read; blank lines are passed over.

    Raises:
        InputFileError: a line is no JSON object, or the file ends in the middle of one; see also `open_text`.
    """
    import jsonlines

    with open_text(path) as text:
        lines = _Lines(text)
        reader = jsonlines.Reader(lines, loads=_loads)
        empty = True
        try:
            for record in reader.iter(type=dict, skip_empty=True):
                empty = False
                yield record
        except jsonlines.InvalidLineError as error:
            raise _refused(error, lines) from None
        if empty:
            raise nothing_in(path, size=text.size)


class _Lines:
    """The lines of a text, and whether the last one given out had an end."""

    def __init__(self, text: CheckedText) -> None:
        self.text = text
        self.cut = False

    def __iter__(self) -> Iterator[bytes]:
        for line in self.text:
            self.cut = not line.endswith(b"\n")
            yield line


def _loads(line: str | bytes) -> Any:
    import orjson

    value = orjson.loads(line)
    try:
        return json.loads(line, parse_float=_finite) if _beyond_64_bits(value) else value
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _beyond_64_bits(value: object) -> bool:
    # orjson reads whole numbers beyond 64 bits as floats, which are not the same numbers.
    kind = type(value)
    if kind is float:
        return not -_INT64 < value < _UINT64  # type: ignore[operator]
    if kind is dict:
        return any(map(_beyond_64_bits, value.values()))  # type: ignore[attr-defined]
    return kind is list and any(map(_beyond_64_bits, value))  # type: ignore[call-overload]


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text} is too large")
    return number


def _refused(error: Any, lines: _Lines) -> InputFileError:
    name, line = lines.text.name_shown, error.lineno
    cause = error.__cause__
    if cause is None:
        value = type(_loads(error.line)).__name__
        fix = 'every line is an object: {"key": value, ...}'
        return InputFileError(f"{name}, line {line} is no JSON object (it is a {value})", fix=fix)
    if lines.cut and not _is_json(error.line):
        fix = "copy or write it again"
        return InputFileError(f"{name} ends in the middle of line {line}: it seems cut", fix=fix)
    if word := _bare_word(error.line):
        fix = "leave the key out, or give null if the model takes it"
        return InputFileError(f"{name}, line {line} has {word}, which JSON does not have", fix=fix)
    column = f", column {cause.colno}" if isinstance(cause, json.JSONDecodeError) else ""
    reason = getattr(cause, "msg", str(cause))
    return InputFileError(f"{name}, line {line}{column} is no JSON: {reason}", fix=_hint(error.line, line))


def _is_json(line: str | bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _bare_word(line: str | bytes) -> str | None:
    """`NaN` or `Infinity` where they stand in a line that is JSON otherwise."""
    words: list[str] = []
    try:
        json.loads(line, parse_constant=words.append)
    except (ValueError, RecursionError):
        return None
    return words[0] if words else None


def _hint(line: str | bytes, number: int) -> str:
    opening = line.strip()[:1]
    if number == 1 and opening == "[":
        return "the file seems to be one JSON list; one object a line is made by: jq -c '.[]' FILE > FILE.jsonl"
    if number == 1 and line.strip() == "{":
        return "the file seems to be indented; one object a line is made by: jq -c . FILE > FILE.jsonl"
    return "correct the line, or take it out"


# ------------------------------------------------------------------------------------------------------------ writing


def write_jsonl(file: BinaryIO, rows: Iterable[Mapping[str, object]]) -> int:
    """Write each row as a line, arrays as nested lists, and say how many there were.

    Raises:
        OutputError: a value has no form in JSON; names the row and the key.
    """
    count = 0
    for count, row in enumerate(rows, 1):
        file.write(encode_row(row, count - 1) + b"\n")
    return count


def encode_row(row: Mapping[str, object], index: int) -> bytes:
    """One row as one line of JSON, without the line end.

    >>> encode_row({"id": "a", "score": float("nan")}, 0)
    b'{"id":"a","score":"NaN"}'
    """
    import orjson

    plain = {key: _json_value(value, key, index) for key, value in row.items()}
    try:
        return orjson.dumps(plain, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        # orjson stops at whole numbers beyond 64 bits and at lone surrogates; JSON does not.
        return json.dumps(plain, default=lambda array: array.tolist(), separators=(",", ":")).encode("ascii")


def _json_value(value: Any, key: str, index: int) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return value if math.isfinite(value) else number_text(value)
    if isinstance(value, Mapping):
        return {_text_key(inner, key, index): _json_value(value[inner], key, index) for inner in value}
    if isinstance(value, (list, tuple)):
        return [_json_value(inner, key, index) for inner in value]
    if hasattr(value, "dtype"):
        return _json_array(value, key, index)
    raise _no_form(f"a value of type {kind.__name__}", key, index)


def _json_array(value: Any, key: str, index: int) -> Any:
    import numpy as np

    array = np.asarray(value)
    if array.dtype.kind not in _NUMBER_KINDS + _TEXT_KIND or (array.dtype.kind == "f" and array.dtype.itemsize > 8):
        raise _no_form(f"an array of {array.dtype}", key, index)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return _json_value(array.tolist(), key, index)
    if array.ndim == 0 or array.dtype.kind == _TEXT_KIND:
        return array.tolist()
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def number_text(number: float) -> str:
    """The shortest text that gives the number back; NaN and infinities by JavaScript's names.

    >>> number_text(0.1), number_text(float("-inf"))
    ('0.1', '-Infinity')
    """
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return repr(number)


def _text_key(inner: object, key: str, index: int) -> str:
    if not isinstance(inner, str):
        raise _no_form(f"the key {inner!r}", key, index)
    return inner


def _no_form(what: str, key: str, index: int) -> OutputError:
    fix = "let the model's `decode` give numbers, text, lists or arrays of them"
    return OutputError(f"row {index}, {key!r}: {what} has no form in JSON", fix=fix)
