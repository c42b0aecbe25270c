"""The archive with `manifest.toml`, one table, and its targets by name in the manifest."""

from . import stored_splits
from .archive import escapes, plain_name
from .dataset import Assay
from .errors import DatasetError
from .table import read_columns, read_header
from .toml_text import load_toml

MANIFEST = "manifest.toml"
_TEXTS = ("name", "description", "doi", "source", "xref")
_META = "assays_meta"
_FOLDERS = {"structures": ("structures_meta", "structure_meta"), "msas": ("msa_meta", "msas_meta")}


def read(archive):
    """What Dataset is made of. See `Dataset.from_path`."""
    where = "%s in %s" % (MANIFEST, archive.path)
    manifest = load_manifest(archive, MANIFEST)
    texts = {key: text_of(manifest, key, where) for key in _TEXTS}
    if not texts["name"]:
        raise DatasetError("%s has no name" % where, 'add a line: name = "..."')
    meta = table_of(manifest, _META, where)
    columns, splits, assays = _table(archive, meta, manifest.get("splits", {}), where)
    others = {key: value for key, value in manifest.items() if key not in (*_TEXTS, _META, "splits")}
    kept = ("engineering_round_feature", "split_feature", "split_strategy")
    others[_META] = {key: meta[key] for key in kept if meta.get(key)}
    return {
        **texts,
        "assays": assays,
        "table": columns,
        "splits": splits,
        "extra": others,
        "files": _files(archive, manifest),
    }


def load_manifest(archive, name):
    """A manifest's content."""
    try:
        text = archive.read(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError("%s in %s is not UTF-8: %s" % (name, archive.path, error.reason)) from None
    return load_toml(text, DatasetError, "%s in %s" % (name, archive.path))


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


def _table(archive, meta, described, where):
    assays = _assays(meta, where)
    member = member_of(meta, "file_path", where)
    split_column = text_of(meta, "split_feature", where)
    label_columns = {about.get("column", name): name for name, about in described.items()}
    if split_column and split_column not in label_columns:
        label_columns[split_column] = None
    wanted = [*list_of(meta, "columns", where), text_of(meta, "engineering_round_feature", where)]
    for assay in assays.values():
        wanted += [assay.sequence_column, assay.target, assay.mutation_column, *assay.features]
    wanted += label_columns
    table_where = "%s in %s" % (member, archive.path)
    with archive.text(member) as stream:
        reader, header = read_header(stream, table_where)
        names = checked_columns(wanted, header, table_where, where)
        names += [target + "_bin" for target in assays if target + "_bin" in header and target + "_bin" not in names]
        numbers = {name for target in assays for name in (target, target + "_bin")}
        columns = read_columns(reader, header, names, numbers, table_where)
    splits = [
        stored_splits.from_column(column, columns.pop(column), table_where)
        if name is None
        else stored_splits.from_manifest(name, described[name], columns.pop(column), where)
        for column, name in label_columns.items()
    ]
    return columns, {split.name: split for split in splits}, assays


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


def _assays(meta, where):
    sequence_column = text_of(meta, "sequence_feature", where) or "sequence"
    assays = {}
    for target, about in table_of(meta, "assays", "%s, [%s]" % (where, _META)).items():
        place = "%s, [%s.assays.%s]" % (where, _META, target)
        if not isinstance(about, dict):
            raise DatasetError("%s is no table" % place)
        constants = about.get("constants", {})
        if not isinstance(constants, dict):
            raise DatasetError("%s: `constants` is no table" % place)
        for key in ("sequence", "mutation_col"):
            text_of(constants, key, place)
        features = list_of(about, "features", place)
        assays[target] = Assay(target, text_of(about, "description", place), features, constants, sequence_column)
    return assays


def _files(archive, manifest):
    found = {}
    for folder, keys in _FOLDERS.items():
        for key in keys:
            if isinstance(manifest.get(key), dict) and manifest[key].get("file_path"):
                name = member_of(manifest[key], "file_path", "[%s] of %s" % (key, archive.path))
                inside = [one for one in archive.names if one.startswith(name + "/")] or [name]
                found.update({"%s/%s" % (folder, one.rsplit("/", 1)[-1]): archive.read(one) for one in inside})
    return found
