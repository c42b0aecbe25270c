"""What manifests say, with its form checked: texts, tables, lists, members of the archive, columns of a table."""

from .archive import escapes, plain_name
from .errors import DatasetError
from .plain_values import plain
from .toml_text import load_toml

MAX_BYTES = 16 << 20
"""The largest manifest that is read."""


def load_manifest(archive, name):
    """A manifest's content."""
    if archive.size(name) > MAX_BYTES:
        raise DatasetError("%s in %s is larger than %d MB" % (name, archive.path, MAX_BYTES >> 20))
    try:
        text = archive.read(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError("%s in %s is not UTF-8: %s" % (name, archive.path, error.reason)) from None
    where = "%s in %s" % (name, archive.path)
    return plain(load_toml(text, DatasetError, where), DatasetError, where)


def text_of(table, key, where, default=""):
    """A text of a manifest; `default` where it is not there."""
    value = table.get(key, default)
    if not isinstance(value, str):
        raise DatasetError("%s: `%s` is %r, and has to be text" % (where, key, value))
    return value


def table_of(manifest, key, where):
    """A table of a manifest that has to be there."""
    value = manifest.get(key)
    if not isinstance(value, dict):
        raise DatasetError("%s has no table [%s]" % (where, key))
    return value


def optional_table(manifest, key, where):
    """A table of a manifest; empty where it is not there."""
    value = manifest.get(key, {})
    if not isinstance(value, dict):
        raise DatasetError("%s: `%s` is %r, and has to be a table" % (where, key, value), "write [%s]" % key)
    return value


def whole_number_of(table, key, where):
    """A whole number of a manifest, or None where it is not there."""
    value = table.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise DatasetError("%s: `%s` is %r, and has to be a whole number" % (where, key, value))
    return value


def list_of(table, key, where):
    """A list of texts of a manifest; empty where it is not there."""
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise DatasetError("%s: `%s` is %r, and has to be a list of names" % (where, key, value))
    return value


def member_of(table, key, where):
    """The member that a manifest names. Raises DatasetError where it leads out of the archive."""
    name = text_of(table, key, where)
    why = escapes(name)
    if why:
        raise DatasetError("%s: `%s` is %r, which %s" % (where, key, name, why), "name a file of the archive")
    return plain_name(name)


def tables_of(manifest, key, where):
    """A list of tables of a manifest, `[[key]]`; empty where it is not there."""
    tables = manifest.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise DatasetError("%s: `%s` is no list of tables" % (where, key), "write [[%s]]" % key)
    return tables


def checked_columns(wanted, header, where, manifest):
    """The columns to read, each once. Raises DatasetError naming those that a manifest names and a table lacks."""
    names = [name for name in dict.fromkeys(wanted) if name]
    missing = [name for name in names if name not in header]
    if missing:
        raise DatasetError(
            "%s has no column %s, which %s names; it has %s"
            % (where, ", ".join(map(repr, missing)), manifest, ", ".join(header[:20]))
        )
    return names
