"""Zip archives of others, read as what they are: not to be trusted. Nothing is ever unpacked to disk."""

import contextlib
import io
import os
import posixpath
import stat
import tempfile
import zipfile
import zlib

from .errors import DatasetError

MAX_MEMBERS = 10_000
MAX_BYTES = 4 << 30
"""The most that all members together may be when unpacked."""
MAX_RATIO = 250
"""Unpacked to packed, where unpacked is more than FREE_BYTES. Scans of long proteins repeat themselves 100-fold."""
FREE_BYTES = 256 << 20

_ENCRYPTED = 0x1
_LEVEL = 3  # of a scan's table: a third of the time of 6, and no tenth larger
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


class Archive:
    """The members of a zip file, checked before any is read.

    Args:
        path: the file.
        content: its bytes, where it lies in another archive.

    Raises:
        DatasetError: no zip, damaged, or a member that climbs out of the archive's folder, is absolute, a link, twice
            there, encrypted, or one of too many or too much.
    """

    def __init__(self, path, content=None):
        self.path = str(path)
        self._bytes = (
            os.path.getsize(self.path) if content is None and os.path.exists(self.path) else len(content or b"")
        )
        try:
            self._zip = zipfile.ZipFile(self.path if content is None else io.BytesIO(content))
        except FileNotFoundError:
            raise DatasetError("there is no file %s" % self.path) from None
        except zipfile.BadZipFile as error:
            raise DatasetError("%s is no zip archive, or cut: %s" % (self.path, error)) from None
        except OSError as error:
            raise DatasetError("%s cannot be read: %s" % (self.path, error.strerror or error)) from None
        try:
            self._members = self._checked(self._zip.infolist())
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._zip.close()

    def __contains__(self, name):
        return name in self._members

    @property
    def names(self):
        """The names of the files in it, in the archive's order."""
        return list(self._members)

    def size(self, name):
        """How many bytes a member has when unpacked; 0 where it is not there."""
        return self._members[name].file_size if name in self._members else 0

    def under(self, name):
        """The members that a manifest means by a name: the file, or all files of the folder."""
        return [one for one in self.names if one.startswith(name + "/")] or [name]

    def read(self, name):
        """All bytes of a member."""
        with self.opened(name) as stream, self.damage(name):
            return stream.read()

    @contextlib.contextmanager
    def text(self, name):
        """A member as a stream of UTF-8 text, line ends as they are."""
        with self.opened(name) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            with self.damage(name):
                yield text

    def opened(self, name):
        """A member as a stream of bytes."""
        if name not in self._members:
            raise DatasetError(
                "%s has no %s; it has %s" % (self.path, name, ", ".join(self.names[:10]) or "no files"),
                "put %s into the archive, or mend the manifest" % name,
            )
        with self.damage(name):
            return self._zip.open(self._members[name])

    @contextlib.contextmanager
    def damage(self, name):
        """What zipfile raises where a member's bytes are not what they should be, in our words."""
        try:
            yield
        except UnicodeDecodeError as error:
            raise DatasetError("%s in %s is not UTF-8: %s" % (name, self.path, error.reason)) from None
        except _DAMAGED as error:
            raise DatasetError("%s in %s cannot be unpacked: %s" % (name, self.path, error)) from None

    def _checked(self, infos):
        if len(infos) > MAX_MEMBERS:
            raise DatasetError("%s has %d members, more than %d" % (self.path, len(infos), MAX_MEMBERS))
        found = {}
        for info in infos:
            self._check(info)
            if info.filename in found:
                raise DatasetError("%s has %s twice" % (self.path, info.filename))
            found[info.filename] = info
        self._check_sizes(infos)
        return {name: info for name, info in found.items() if not name.endswith("/")}

    def _check(self, info):
        name = info.filename
        why = escapes(info.orig_filename) or escapes(name)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if not why and kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            why = "is a link" if kind == stat.S_IFLNK else "is no plain file"
        if not why and info.flag_bits & _ENCRYPTED:
            why = "is encrypted"
        if why:
            raise DatasetError("%s: the member %r %s" % (self.path, name, why), "make the archive anew without it")

    def _check_sizes(self, infos):
        unpacked = sum(info.file_size for info in infos)
        packed = sum(info.compress_size for info in infos)
        if packed > self._bytes:
            raise DatasetError("%s: its members overlap, as in archives made to fill a disk" % self.path)
        if unpacked > MAX_BYTES:
            raise DatasetError(
                "%s would unpack to %.1f GB, more than %.1f GB" % (self.path, unpacked / 1e9, MAX_BYTES / 1e9)
            )
        if unpacked > FREE_BYTES and unpacked > MAX_RATIO * packed:
            raise DatasetError(
                "%s would unpack to %.1f GB, more than %d times its size, as archives do that are made to fill a disk"
                % (self.path, unpacked / 1e9, MAX_RATIO)
            )


def escapes(name):
    """Why a path in an archive or a manifest leads out of its folder, or nothing where it does not.

    >>> escapes("assays/a.csv"), escapes("../a.csv"), escapes("/etc/passwd")
    ('', 'climbs out of its folder', 'is an absolute path')
    """
    plain = name.replace("\\", "/")
    if "\0" in name:
        return "has a name with a NUL in it"
    if plain.startswith("/") or plain[1:2] == ":":
        return "is an absolute path"
    if plain != name or ".." in plain.split("/"):
        return "climbs out of its folder"
    return "" if plain else "has no name"


def plain_name(name):
    """A path of a manifest as a member's name: `./assays//a.csv` is `assays/a.csv`."""
    return posixpath.normpath(name)


def write_archive(path, members):
    """Write a zip whose bytes depend on its content alone; what was there before stays until it is whole.

    Args:
        path: the file.
        members: pairs of a name and its chunks (an iterable of bytes).
    """
    path = os.path.abspath(path)
    try:
        handle, partial = tempfile.mkstemp(prefix=".", suffix=".partial", dir=os.path.dirname(path))
    except OSError as error:
        raise DatasetError("%s cannot be written: %s" % (path, error.strerror)) from None
    try:
        with os.fdopen(handle, "wb") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
                for name, chunks in members:
                    with archive.open(name, "w", force_zip64=True) as member:  # dated 1980, whenever it is written
                        for chunk in chunks:
                            member.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, path)
    except OSError as error:
        raise DatasetError("%s cannot be written: %s" % (path, error.strerror)) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


def _umask():
    # Linux shows it without setting it, which would touch other threads.
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("Umask:"):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    return 0o022
