"""Arrays as `.npy` files: many small ones in one file on the way out, cut out of its mapping on the way in."""

import mmap
import os
import stat
import sys
import tokenize
import weakref

from .lines import ExchangeError

ARRAY_KEY = "$npy"
_HEADER_ROUND = 64
_HEADER_REST = 77  # bytes of a header of a flat array beside its dtype
_MAX_DTYPE = 4096  # numpy refuses to read headers much longer
_MAX_MAPPED = 256  # a mapping holds a file descriptor open; past this many, small limits (1,024) come near
_SMALL_BYTES = 1 << 20  # copying this much is as fast as mapping it


def as_array(value):
    """`value` as a numpy array with its own bytes in C order, or None if it is no array."""
    if hasattr(value, "detach"):  # a torch tensor
        value = value.detach().cpu().numpy()
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray) or value.shape == ():
        return None
    if value.dtype.hasobject:
        raise TypeError("an array of Python objects cannot be handed over")
    if hasattr(value, "mask"):
        raise TypeError("a masked array would lose its mask; hand over its data and its mask apart")
    return numpy.ascontiguousarray(value)


class ArrayFile:
    """One `.npy` file that arrays of one dtype are written to, one behind the other; the header comes last."""

    def __init__(self, path, dtype):
        """Raises TypeError for a dtype that takes too long to describe."""
        from numpy.lib import format as npy

        self.path = path
        self._descr = npy.dtype_to_descr(dtype)
        length = len(ascii(self._descr))
        if length > _MAX_DTYPE:
            raise TypeError("an array with a dtype of so many fields cannot be handed over")
        self._header_bytes = _HEADER_ROUND * max(2, (_HEADER_REST + length) // _HEADER_ROUND + 1)
        self._shapes = set()
        self._arrays = 0
        self._elements = 0
        self._file = open(path, "wb")
        self._file.write(b"\0" * self._header_bytes)

    def append(self, array):
        start = self._elements
        self._file.write(array.reshape(-1).view("u1") if array.nbytes else b"")  # (a date has no buffer of its own)
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
        room = self._header_bytes - 10 - 1
        text = self._header(self._shape())
        if len(text) > room:  # an array of many dimensions
            text = self._header((self._elements,))
        self._file.seek(0)
        self._file.write(b"\x93NUMPY\x01\x00" + (self._header_bytes - 10).to_bytes(2, "little"))
        self._file.write(text.ljust(room) + b"\n")
        self._file.close()

    def _header(self, shape):
        # ASCII alone: numpy reads version 1 as Latin-1, and an escaped name of a field is the same name.
        return ascii({"descr": self._descr, "fortran_order": False, "shape": shape}).encode("ascii")

    def abandon(self):
        self._file.close()


def _rows(elements, tail):
    """How many rows of shape `tail` hold `elements` elements."""
    size = _product(tail)
    return elements // size if size else 0


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


class ArrayReader:
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
        try:
            return flat[start:stop].reshape(shape)
        except ValueError as error:  # too many dimensions, or too long ones beside one of length 0
            raise ExchangeError("a reference to an array is malformed: %s" % error) from None

    def remove_files(self):
        for name in self._flat:
            os.unlink(os.path.join(self._folder, name))


def _product(lengths):
    product = 1
    for length in lengths:
        product *= length
    return product


# What numpy lets through of the errors of Python's own parser, which reads the header.
_UNREADABLE = (OSError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError)


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
            if fortran or dtype.hasobject or min(shape, default=0) < 0:
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
    except _UNREADABLE as error:
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
