"""The exchange: how a batch of records is written on one side of the container's wall and read on the other.

A batch is a JSONL file, one record a line. A value that is an array is not written as text: its bytes go to an `.npy`
file beside the JSONL (one a field), and the line holds a reference, `{"$npy": FILE, "start": ELEMENT, "shape": [...]}`.
The reader maps the file and cuts the arrays out of it without copying.

The same file serves both sides, so it is written for Python 3.7 and the standard library; numpy and orjson are used
where they are there.
"""

import os
import re
import stat

from .arrays import ARRAY_KEY, ArrayFile, ArrayReader, as_array, resolve_arrays
from .lines import ExchangeError, decode_line, decode_lines, encode_all, encode_line, encode_texts, joined

__all__ = [
    "ARRAY_KEY",
    "ARRAY_MARK",
    "BatchEncoder",
    "ExchangeError",
    "decode_batch",
    "decode_line",
    "encode_batch",
    "encode_line",
    "encode_texts",
    "is_flat",
    "joined",
    "read_batch",
    "write_batch",
]

ARRAY_MARK = b'"$npy"'
_SAFE = re.compile(r"[^A-Za-z0-9_-]")


def is_flat(record):
    """Whether a record surely holds no array: most records are text and numbers, and pass at once."""
    return ARRAY_KEY not in record and _FLAT.issuperset(map(type, record.values()))


_FLAT = frozenset([str, int, float, bool, type(None)])


class BatchEncoder:
    """Turns records into lines; arrays in them go to `.npy` files named after `stem` in `folder`."""

    def __init__(self, folder, stem):
        self._folder = folder
        self._stem = stem
        self._files = {}

    @property
    def has_arrays(self):
        return bool(self._files)

    def line(self, record):
        """One record as a line of JSON, its arrays written aside."""
        if type(record) is not dict:
            raise TypeError("a record is a dict, not %s" % type(record).__name__)
        try:
            return encode_line(record if is_flat(record) else self._take_arrays(record, ""))
        except RecursionError:
            raise TypeError("it is nested too deeply, or holds itself") from None

    def _take_arrays(self, value, field):
        if type(value) in _FLAT:
            return value
        if isinstance(value, dict):
            if ARRAY_KEY in value:
                raise TypeError("the key %r is reserved" % ARRAY_KEY)
            return {key: self._take_arrays(inner, field or str(key)) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._take_arrays(inner, field) for inner in value]
        array = as_array(value)
        return value if array is None else self._file(field, array.dtype).append(array)

    def _file(self, field, dtype):
        key = (field, dtype.str)
        if key not in self._files:
            name = "%s.%s.npy" % (self._stem, _SAFE.sub("_", field)[:60] or "array")
            if any(os.path.basename(other.path) == name for other in self._files.values()):
                name = "%s.%s.%d.npy" % (self._stem, _SAFE.sub("_", field)[:60], len(self._files))
            self._files[key] = ArrayFile(os.path.join(self._folder, name), dtype)
        return self._files[key]

    def close(self):
        """Finish all array files."""
        for file in self._files.values():
            file.close()

    def discard(self):
        """Give up: close and remove all array files."""
        for file in self._files.values():
            file.abandon()
            os.unlink(file.path)
        self._files = {}


def encode_batch(encoder, records):
    """Records as the bytes of JSONL, their arrays written aside by `encoder`.

    Raises:
        TypeError: a record holds what cannot be handed over; the exception's `index` says which.
    """
    if records and set(map(type, records)) == {dict}:
        data = encode_all(records) or encode_texts(records)
        if data is not None and ARRAY_MARK not in data:
            return data
    return b"".join(_numbered_lines(encoder, records))


def _numbered_lines(encoder, records):
    for index, record in enumerate(records):
        try:
            yield encoder.line(record) + b"\n"
        except TypeError as error:
            error.index = index  # type: ignore[attr-defined]
            raise


def write_batch(records, folder, name):
    """Write records to `folder/name` (JSONL), their arrays beside it; returns how many were written.

    Raises:
        TypeError: a record holds what cannot be handed over; says which record.
    """
    stem = name[: -len(".jsonl")] if name.endswith(".jsonl") else name
    encoder = BatchEncoder(folder, stem)
    count = 0
    try:
        with open(os.path.join(folder, name), "wb") as file:
            for record in records:
                file.write(encoder.line(record) + b"\n")
                count += 1
    except BaseException:
        encoder.discard()
        raise
    encoder.close()
    return count


def read_batch(folder, name, consume=False):
    """The records of `folder/name`, arrays mapped. With `consume` the files are removed; mapped arrays stay valid.

    Raises:
        ExchangeError: a line is cut or no JSON, an array file is missing, cut or malformed.
    """
    path = os.path.join(folder, name)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ExchangeError("%s is no regular file" % name)
            data = file.read()
    except ExchangeError:
        raise
    except MemoryError:
        raise ExchangeError("%s does not fit into memory" % name) from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ExchangeError("%r cannot be read: %s" % (name, getattr(error, "strerror", None) or error)) from None
    if consume:
        os.unlink(path)
    return decode_batch(data, folder, name, consume)


def decode_batch(data, folder, name, consume=False):
    """The records in the bytes of a JSONL file whose arrays lie in `folder`."""
    records = decode_lines(data, name)
    if ARRAY_MARK not in data:
        return records
    reader = ArrayReader(folder)
    try:
        return [resolve_arrays(record, reader) for record in records]
    except RecursionError:
        raise ExchangeError("%s is nested too deeply" % name) from None
    finally:
        if consume:
            reader.remove_files()
