"""The exchange: how a batch of records is written on one side of the container's wall and read on the other.

A batch is a JSONL file, one record a line. A value that is an array is not written as text: its bytes go to an `.npy`
file beside the JSONL (one a field), and the line holds a reference, `{"$npy": FILE, "start": ELEMENT, "shape": [...]}`.
The reader maps the file and cuts the arrays out of it without copying.

The same file serves both sides, so it is written for Python 3.7 and the standard library; numpy and orjson are used
where they are there.
"""

import json
import math
import mmap
import os
import re
import stat
import sys
import weakref
from itertools import chain
from json import encoder as json_encoder

try:
    import orjson
except ImportError:
    orjson = None

ARRAY_KEY = "$npy"
ARRAY_MARK = b'"$npy"'
_HEADER_BYTES = 128
_MAX_MAPPED = 256  # a mapping holds a file descriptor open; past this many, small limits (1,024) come near
_SMALL_BYTES = 1 << 20  # copying this much is as fast as mapping it
_SAFE = re.compile(r"[^A-Za-z0-9_-]")


class ExchangeError(ValueError):
    """A batch cannot be written or read: says which file, line and field."""


# ---------------------------------------------------------------------------------------------- one record, one line


def _quote(text):
    # json's own escaping looks at every character twice; most text of a model needs none of it.
    if text.isprintable() and '"' not in text and "\\" not in text:
        return '"' + text + '"'
    return _escape(text)


_escape = json_encoder.encode_basestring_ascii  # what is escaped is ASCII, so that a lone surrogate survives
_make_encoder = getattr(json_encoder, "c_make_encoder", None)


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


if _make_encoder is not None:
    _encode = _make_encoder(None, _plain, _quote, None, ":", ",", False, False, True)

    def _encode_plain(value):
        return "".join(_encode(value, 0)).encode("utf-8")
else:

    def _encode_plain(value):
        return json.dumps(value, default=_plain, separators=(",", ":")).encode("utf-8")


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
    template = "{%s}\n" % ",".join('"%s":"%%s"' % key.replace("%", "%%") for key in keys if type(key) is str)
    if not keys or template.count('"%s"') != len(keys):
        return None
    values = [record.values() for record in records if tuple(record) == keys]
    if len(values) != len(records) or set(map(type, chain.from_iterable(values))) != {str}:
        return None
    try:
        data = (template * len(records) % tuple(chain.from_iterable(values))).encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate
        return None
    whole = data.count(b'"') == 4 * len(keys) * len(records) and data.count(b"\n") == len(records)
    return data if whole and data.translate(_ESCAPED) is data else None


def decode_line(line):
    """The value of one line. Raises ValueError."""
    if orjson is not None:
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
        values = loads(b"[" + joined(data) + b"]")
        if len(values) == count:
            return values
    except ValueError:
        pass
    lines = data[:-1].split(b"\n")
    return [_decode_numbered(line, number, name) for number, line in enumerate(lines, 1)]


def _decode_numbered(line, number, name):
    try:
        return decode_line(line)
    except ValueError as error:
        shown = line[:60].decode("utf-8", "replace")
        raise ExchangeError("%s: line %d is no JSON (%s): %r" % (name, number, error, shown)) from None


# ------------------------------------------------------------------------------------------------------------ arrays


def _as_array(value):
    """`value` as a numpy array with its own bytes in C order, or None if it is no array."""
    if hasattr(value, "detach"):  # a torch tensor
        value = value.detach().cpu().numpy()
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray) or value.shape == ():
        return None
    if value.dtype.hasobject:
        raise TypeError("an array of Python objects cannot be handed over")
    return numpy.ascontiguousarray(value)


class _ArrayFile:
    """One `.npy` file that arrays of one dtype are written to, one behind the other; the header comes last."""

    def __init__(self, path, dtype):
        self.path = path
        self.dtype = dtype
        self._shapes = set()
        self._arrays = 0
        self._elements = 0
        self._file = open(path, "wb")
        self._file.write(b"\0" * _HEADER_BYTES)

    def append(self, array):
        start = self._elements
        self._file.write(memoryview(array.reshape(-1)).cast("B") if array.size else b"")
        self._shapes.add(array.shape)
        self._arrays += 1
        self._elements += array.size
        return {ARRAY_KEY: os.path.basename(self.path), "start": start, "shape": list(array.shape)}

    def _shape(self):
        """Stacked where all shapes are equal, joined along the first axis where all others are, else flat."""
        first = next(iter(self._shapes))
        if len(self._shapes) == 1:
            return (self._arrays,) + first
        tails = {shape[1:] for shape in self._shapes}
        if len(tails) == 1:
            return (_rows(self._elements, tails.pop()),) + first[1:]
        return (self._elements,)

    def close(self):
        from numpy.lib import format as npy

        header = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": self._shape()}
        text = repr(header).encode("latin1")
        padding = _HEADER_BYTES - 10 - len(text) - 1
        if padding < 0:
            raise ExchangeError("%s: the dtype %s is too long for one header" % (self.path, self.dtype))
        self._file.seek(0)
        self._file.write(b"\x93NUMPY\x01\x00" + (_HEADER_BYTES - 10).to_bytes(2, "little"))
        self._file.write(text + b" " * padding + b"\n")
        self._file.close()

    def abandon(self):
        self._file.close()


def _rows(elements, tail):
    """How many rows of shape `tail` hold `elements` elements."""
    size = _product(tail)
    return elements // size if size else 0


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
        if not is_flat(record):
            record = self._take_arrays(record, "")
        return encode_line(record)

    def _take_arrays(self, value, field):
        if type(value) in _FLAT:
            return value
        if isinstance(value, dict):
            if ARRAY_KEY in value:
                raise TypeError("the key %r is reserved" % ARRAY_KEY)
            return {key: self._take_arrays(inner, field or str(key)) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._take_arrays(inner, field) for inner in value]
        array = _as_array(value)
        return value if array is None else self._file(field, array.dtype).append(array)

    def _file(self, field, dtype):
        key = (field, dtype.str)
        if key not in self._files:
            name = "%s.%s.npy" % (self._stem, _SAFE.sub("_", field)[:60] or "array")
            if any(os.path.basename(other.path) == name for other in self._files.values()):
                name = "%s.%s.%d.npy" % (self._stem, _SAFE.sub("_", field)[:60], len(self._files))
            self._files[key] = _ArrayFile(os.path.join(self._folder, name), dtype)
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


class _Mapping:
    """Counts the mappings that are alive: each lives until the last array cut out of it is gone."""

    alive = 0

    @classmethod
    def of(cls, file):
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        cls.alive += 1
        weakref.finalize(mapped, cls._gone).atexit = False
        return mapped

    @classmethod
    def _gone(cls):
        cls.alive -= 1


class _ArrayReader:
    """Opens the array files of one batch, each once, and cuts arrays out of them."""

    def __init__(self, folder):
        self._folder = folder
        self._flat = {}

    def array(self, reference):
        name, start, shape = reference.get(ARRAY_KEY), reference.get("start"), reference.get("shape")
        well_formed = (
            isinstance(name, str)
            and type(start) is int
            and isinstance(shape, list)
            and all(type(length) is int and length >= 0 for length in shape)
        )
        if not well_formed or name != os.path.basename(name) or name in (".", ".."):
            raise ExchangeError("a reference to an array is malformed: %r" % (reference,))
        if name not in self._flat:
            self._flat[name] = _open_flat(os.path.join(self._folder, name))
        flat = self._flat[name]
        stop = start + _product(shape)
        if start < 0 or stop > flat.shape[0]:
            raise ExchangeError("%s holds %d elements, %d are asked for" % (name, flat.shape[0], stop))
        return flat[start:stop].reshape(shape)

    def remove_files(self):
        for name in self._flat:
            os.unlink(os.path.join(self._folder, name))


def _product(lengths):
    product = 1
    for length in lengths:
        product *= length
    return product


def _open_flat(path):
    """All elements of an `.npy` file as one flat array: mapped, or copied where it is small or too many are mapped."""
    import numpy
    from numpy.lib import format as npy

    try:
        # The other side may be hostile: a link must not lead out of the folder, a pipe must not hang us.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ExchangeError("%s is no regular file" % path)
            version = npy.read_magic(file)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read_header(file)
            if fortran or dtype.hasobject:
                raise ExchangeError("%s is no array in C order of plain numbers" % path)
            count = _product(shape)
            have = os.fstat(descriptor).st_size - file.tell()
            if have < count * dtype.itemsize:
                raise ExchangeError("%s is cut: %d bytes of %d" % (path, have, count * dtype.itemsize))
            if count * dtype.itemsize <= _SMALL_BYTES or _Mapping.alive >= _MAX_MAPPED:
                flat = numpy.fromfile(file, dtype=dtype, count=count)
                flat.flags.writeable = False  # as a mapping is: an array behaves the same however it came
                return flat
            return numpy.frombuffer(_Mapping.of(file), dtype=dtype, count=count, offset=file.tell())
    except ExchangeError:
        raise
    except (OSError, ValueError) as error:
        raise ExchangeError("%s cannot be read: %s" % (path, error)) from None


def resolve_arrays(value, reader):
    """`value` with every reference in it replaced by its array."""
    if isinstance(value, dict):
        if ARRAY_KEY in value:
            return reader.array(value)
        return {key: resolve_arrays(inner, reader) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolve_arrays(inner, reader) for inner in value]
    return value


# ------------------------------------------------------------------------------------------------------------ batches


def encode_batch(encoder, records):
    """Records as the bytes of JSONL, their arrays written aside by `encoder`.

    Raises:
        TypeError: a record holds what cannot be handed over; the exception's `index` says which.
    """
    if records and set(map(type, records)) == {dict}:
        data = encode_texts(records)
        if data is not None:
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
    except OSError as error:
        raise ExchangeError("%s cannot be read: %s" % (name, error.strerror)) from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ExchangeError("%s is no regular file" % name)
        data = file.read()
    if consume:
        os.unlink(path)
    return decode_batch(data, folder, name, consume)


def decode_batch(data, folder, name, consume=False):
    """The records in the bytes of a JSONL file whose arrays lie in `folder`."""
    records = decode_lines(data, name)
    if ARRAY_MARK not in data:
        return records
    reader = _ArrayReader(folder)
    try:
        return [resolve_arrays(record, reader) for record in records]
    finally:
        if consume:
            reader.remove_files()
