"""Data sets from files: what a file is shows its content, not its name."""

import os

from . import pgdata, proteingym_csv, seed_zip, subsets
from .archive import Archive
from .errors import DatasetError

_LFS_START = b"version https://git-lfs"
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


def read_dataset(cls, path, reference=None, target=None):
    """What Dataset.from_path does; `cls` is made of it."""
    path = os.fspath(path)
    if not _is_zip(path):
        return cls(**proteingym_csv.read(path, reference, target))
    if reference is not None or target is not None:
        raise DatasetError(
            "%s is an archive: it says itself what its targets are; leave reference and target out" % path
        )
    with Archive(path) as archive:
        if subsets.DATASET in archive and subsets.SLICES in archive:
            with subsets.inner(archive) as dataset:
                return cls(**pgdata.read(dataset, archive))
        for form in (pgdata, seed_zip):
            if form.MANIFEST in archive:
                return cls(**form.read(archive))
        raise DatasetError(
            "%s has neither %s nor %s; it has %s"
            % (path, seed_zip.MANIFEST, pgdata.MANIFEST, ", ".join(archive.names[:10]) or "no files"),
            "put the manifest at the top of the archive, not into a folder",
        )


def _is_zip(path):
    try:
        with open(path, "rb") as stream:
            start = stream.read(len(_LFS_START))
    except FileNotFoundError:
        raise DatasetError("there is no file %s" % path) from None
    except IsADirectoryError:
        raise DatasetError("%s is a folder" % path, "zip its content: manifest.toml at the top") from None
    except OSError as error:
        raise DatasetError("%s cannot be read: %s" % (path, error.strerror)) from None
    if start.startswith(_ZIP_STARTS):
        return True
    if start == _LFS_START:
        raise DatasetError("%s is a pointer of Git LFS, not the file" % path, "git lfs pull")
    if path.endswith((".zip", ".pgdata")):
        raise DatasetError("%s is no zip archive, or cut" % path)
    return False
