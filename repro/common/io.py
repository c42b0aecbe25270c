"""Reading and writing JSONL, where the tutorial imports it from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def read_jsonl_file(path: str | Path) -> list[Any]:
    """All values of a JSONL file, one a line.

    Raises:
        InputFileError: the file is missing, not UTF-8, or a line is no JSON; names the line.
    """
    import jsonlines

    from repro.errors import InputFileError
    from repro.guest.lines import decode_line

    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            return list(
                jsonlines.Reader(file, loads=lambda line: decode_line(str(line).encode())).iter(allow_none=True)
            )
    except jsonlines.InvalidLineError as error:
        raise InputFileError(f"{path}: line {error.lineno} is no JSON: {error}", fix="write one value a line") from None
    except UnicodeDecodeError as error:
        raise InputFileError(f"{path} is not UTF-8: {error}", fix="convert it, for example with iconv") from None
    except OSError as error:
        raise InputFileError(f"{path} cannot be read: {error.strerror}") from None


def write_to_jsonl(records: Iterable[Any], path: str | Path) -> None:
    """Write values to a JSONL file, one a line. NaN and infinities are written as Python's json does.

    Raises:
        TypeError: a value is of a type that JSON does not have.
    """
    import jsonlines

    from repro.guest.lines import encode_line

    with Path(path).open("wb") as file, jsonlines.Writer(file, dumps=encode_line) as writer:
        writer.write_all(records)
