"""Records as lines of JSON and back, exactly: NaN, lone surrogates and large whole numbers come back as they were."""

import json
import math
import re
from itertools import chain

try:
    import orjson
except ImportError:
    orjson = None


class ExchangeError(ValueError):
    """A batch cannot be written or read: says which file, line and field."""


def _plain(value):
    """JSON's view of a value that is no JSON type: a scalar of numpy or torch becomes a number."""
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "shape", None) == ():
        return item()
    raise TypeError(
        "a value of type %s cannot be handed over; give text, numbers, lists, dicts or arrays" % type(value)
    )


def _refuse_other_keys(value):
    # json turns a key that is no text into text, so what comes out is not what went in.
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError("the key %r is no text" % (key,))
            _refuse_other_keys(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _refuse_other_keys(inner)


# ASCII alone: what JSON escapes survives, a lone surrogate too.
_encode = json.JSONEncoder(default=_plain, separators=(",", ":"), check_circular=False).encode


def _encode_plain(value):
    return _encode(value).encode("ascii")


def _encode_checked(value):
    _refuse_other_keys(value)
    return _encode_plain(value)


def _not_finite(value):
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(_not_finite(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any(_not_finite(inner) for inner in value)
    item = getattr(value, "item", None)
    return item is not None and getattr(value, "shape", None) == () and _not_finite(item())


def encode_line(value):
    """One value as a line of JSON, without the line end, exactly: NaN and infinities are kept (as Python's json does).

    Raises:
        TypeError: a key is no text, or a value is of a type that JSON does not have.
    """
    if orjson is None:
        return _encode_checked(value)
    try:
        line = orjson.dumps(value, _plain, _ORJSON_OPTIONS)
    except TypeError:  # whole numbers over 64 bits, lone surrogates, and what really cannot be written
        return _encode_checked(value)
    if b"null" in line and _not_finite(value):  # orjson writes NaN as null
        return _encode_plain(value)
    return line


_ORJSON_OPTIONS = orjson and (orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS)


def _needs_escaping():
    # A byte that JSON must not hold as it is becomes another one; a line end stays, as it is counted.
    table = bytearray(range(256))
    for byte in list(range(32)) + [0x5C]:
        table[byte] = ord("?")
    table[0x0A] = 0x0A
    return bytes(table)


_ESCAPED = _needs_escaping()


def encode_texts(records):
    """Lines of records that all have the same keys and only text in them, or None where they are not so.

    Most batches are so. All lines are made at once and looked through at once, which takes a fifth of the time of a
    line at a time: if a text held what JSON must escape, the whole would hold more quotes or line ends than it should.
    """
    keys = tuple(records[0])
    values = tuple(chain.from_iterable(map(dict.values, records)))
    if not keys or set(map(type, keys + values)) != {str} or list(map(tuple, records)).count(keys) != len(records):
        return None
    parts = [""] * (2 * len(values))
    parts[0::2] = ['"}\n{"%s":"' % keys[0], *('","%s":"' % key for key in keys[1:])] * len(records)
    parts[1::2] = values
    try:
        data = "".join(parts)[3:].encode("utf-8") + b'"}\n'
    except UnicodeEncodeError:  # a lone surrogate
        return None
    whole = data.count(b'"') == 4 * len(keys) * len(records) and data.count(b"\n") == len(records)
    return data if whole and data.translate(_ESCAPED) is data else None


def encode_all(records):
    """Lines of records that orjson writes exactly, all in one call, or None where that cannot be told at once."""
    if orjson is None or not records:
        return None
    try:
        data = orjson.dumps(records, None, _ORJSON_OPTIONS)[1:-1]
    except TypeError:
        return None
    # What looks like the seam of two records is one, unless there are more of them; null may have been NaN.
    if data.count(b"},{") != len(records) - 1 or b"null" in data:
        return None
    return data.replace(b"},{", b"}\n{") + b"\n"


def decode_line(line):
    """The value of one line. Raises ValueError."""
    if orjson is not None and not _LONG_NUMBER.search(line):
        try:
            return orjson.loads(line)
        except ValueError:  # NaN, infinities and lone surrogates, which json reads
            pass
    return json.loads(line)


def joined(lines):
    """The lines of a JSONL file as the items of one JSON list. (JSON holds no line end but between its tokens.)"""
    return lines[:-1].replace(b"\n", b",")


def decode_lines(data, name):
    """All values of a JSONL file's bytes.

    Raises:
        ExchangeError: a line is no JSON, or the last one has no end; names the file and the line.
    """
    if not data:
        return []
    if data[-1:] != b"\n":
        line = data.count(b"\n") + 1
        raise ExchangeError("%s: line %d is cut: it has no line end" % (name, line))
    count = data.count(b"\n")
    loads = json.loads if orjson is None else orjson.loads
    try:  # one call for all lines takes a third of the time of a call a line
        values = loads(b"[" + joined(data) + b"]") if _looks_whole(data, count) else []
        if len(values) == count and (orjson is None or not _may_be_rounded(values, data)):
            return values
    except ValueError:
        pass
    lines = data[:-1].split(b"\n")
    return [_decode_numbered(line, number, name) for number, line in enumerate(lines, 1)]


def _looks_whole(data, count):
    """Whether each line begins and ends as an object does: a cut one must not be mended by the next line."""
    return data.startswith(b"{") and data.endswith(b"}\n") and data.count(b"}\n{") == count - 1


# orjson makes a whole number of more than 64 bits a float, without a word.
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_NEVER_ROUNDED = frozenset([str, bool, type(None)])


def _may_be_rounded(values, data):
    if set(map(type, values)) == {dict}:
        kinds = map(type, chain.from_iterable(map(dict.values, values)))
        if _NEVER_ROUNDED.issuperset(kinds):  # as most are: the text need not be searched
            return False
    return _LONG_NUMBER.search(data) is not None


def _decode_numbered(line, number, name):
    try:
        return decode_line(line)
    except (ValueError, RecursionError) as error:
        shown = line[:60].decode("utf-8", "replace")
        raise ExchangeError("%s: line %d is no JSON (%s): %r" % (name, number, error, shown)) from None
