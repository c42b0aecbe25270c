"""The digest of a data set's content, whichever file it came from."""

import hashlib
import struct
from array import array

_BLOCK = 1 << 16


def digest_of(dataset):
    """SHA-256 of a data set's names, columns, constants, splits and files, as hexadecimal text."""
    digest = hashlib.sha256()
    _add(digest, "name", dataset.name)
    for target, assay in dataset.assays.items():
        _add(digest, "target", target)
        _add(digest, "sequence", assay.sequence_column)
        for feature in assay.features:
            _add(digest, "feature", feature)
        for key in sorted(assay.constants):
            _add(digest, "constant", "%s=%r" % (key, assay.constants[key]))
    for name in sorted(dataset.table):
        _add(digest, "column", name)
        _add_column(digest, dataset.table[name])
    for name in sorted(dataset.splits):
        split = dataset.splits[name]
        _add(digest, "split", "%s=%s %s %s" % (name, split.kind, split.folds, split.seed))
        _add_column(digest, split.labels)
    for name in sorted(dataset.files):
        _add(digest, "file", name)
        _add(digest, "bytes", hashlib.sha256(dataset.files[name]).hexdigest())
    return digest.hexdigest()


def _add(digest, label, text):
    content = ("%s:%s" % (label, text)).encode("utf-8")
    digest.update(struct.pack("<q", len(content)) + content)


def _add_column(digest, values):
    digest.update(struct.pack("<q", len(values)))
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        if isinstance(block[0], float):
            numbers = array("d", [value if value == value else float("nan") for value in block])
            digest.update(struct.pack("<%dd" % len(numbers), *numbers))
        else:
            digest.update(array("q", map(len, block)).tobytes())
            digest.update("".join(block).encode("utf-8"))
