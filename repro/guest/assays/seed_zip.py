"""The archive with `manifest.toml`, one table, and its targets by name in the manifest."""

from . import stored_splits
from .assay import Assay
from .errors import DatasetError
from .manifests import checked_columns, list_of, load_manifest, member_of, optional_table, table_of, text_of
from .table import read_columns, read_header
from .variants import with_sequences

MANIFEST = "manifest.toml"
_TEXTS = ("name", "description", "doi", "source", "xref")
META = "assays_meta"
FOLDERS = {
    "sequences": ("sequences_meta",),
    "structures": ("structures_meta", "structure_meta"),
    "msas": ("msa_meta", "msas_meta"),
}


def read(archive):
    """What Dataset is made of. See `Dataset.from_path`."""
    where = "%s in %s" % (MANIFEST, archive.path)
    manifest = load_manifest(archive, MANIFEST)
    texts = {key: text_of(manifest, key, where) for key in _TEXTS}
    if not texts["name"]:
        raise DatasetError("%s has no name" % where, 'add a line: name = "..."')
    meta = table_of(manifest, META, where)
    columns, splits, assays = _table(archive, meta, stored_splits.read_descriptions(manifest, where), where)
    others = {key: value for key, value in manifest.items() if key not in (*_TEXTS, META, "splits")}
    for key in (key for keys in FOLDERS.values() for key in keys):
        about = {name: value for name, value in optional_table(others, key, where).items() if name != "file_path"}
        others.pop(key, None)
        if about:
            others[key] = about
    kept = {key: meta[key] for key in ("engineering_round_feature", "split_strategy") if meta.get(key)}
    if kept:
        others[META] = kept
    return {
        **texts,
        "assays": assays,
        "table": columns,
        "splits": splits,
        "extra": others,
        "files": _files(archive, manifest),
    }


def _table(archive, meta, described, where):
    member = member_of(meta, "file_path", where)
    split_column = text_of(meta, "split_feature", where)
    label_columns = {about["column"]: name for name, about in described.items()}
    if split_column:
        label_columns.setdefault(split_column, None)
    table_where = "%s in %s" % (member, archive.path)
    with archive.text(member) as stream:
        reader, header = read_header(stream, table_where)
        assays = _assays(meta, header, where)
        stored_splits.check_columns(label_columns, assays.values(), where)
        wanted = [*list_of(meta, "columns", where), text_of(meta, "engineering_round_feature", where), *label_columns]
        for assay in assays.values():
            wanted += [assay.sequence_column, assay.target, assay.mutation_column, *assay.features]
            wanted += [assay.target + "_bin"] if assay.target + "_bin" in header else []
        names = checked_columns(wanted, header, table_where, where)
        for name in filter(stored_splits.is_folds_column, names):
            label_columns.setdefault(name, None)
        numbers = {name for target in assays for name in (target, target + "_bin")}
        columns = read_columns(reader, header, names, numbers, table_where)
    splits = [
        stored_splits.from_column(column, columns.pop(column), table_where)
        if name is None
        else stored_splits.from_manifest(name, described[name], columns.pop(column), where)
        for column, name in label_columns.items()
    ]
    assays, columns = with_sequences(assays, columns, table_where)
    return columns, {split.name: split for split in splits}, assays


def _assays(meta, header, where):
    sequence_column = text_of(meta, "sequence_feature", where) or "sequence"
    assays = {}
    for target, about in table_of(meta, "assays", "%s, [%s]" % (where, META)).items():
        place = "%s, [%s.assays.%s]" % (where, META, target)
        if not isinstance(about, dict):
            raise DatasetError("%s is no table" % place)
        constants = about.get("constants", {})
        if not isinstance(constants, dict):
            raise DatasetError("%s: `constants` is no table" % place)
        for key in ("sequence", "mutation_col"):
            text_of(constants, key, place)
        if constants.get("mutation_col") == "sequence" and "sequence" not in header:
            # pg2 calls the column of sequences so when it has read it, whatever the file calls it.
            constants = {**constants, "mutation_col": sequence_column}
        features = list_of(about, "features", place)
        texts = [text_of(about, key, place) for key in ("description", "label")]
        assays[target] = Assay(target, texts[0], features, constants, sequence_column, texts[1])
    return assays


def _files(archive, manifest):
    found = {}
    for folder, keys in FOLDERS.items():
        for key in keys:
            if isinstance(manifest.get(key), dict) and manifest[key].get("file_path"):
                name = member_of(manifest[key], "file_path", "[%s] of %s" % (key, archive.path))
                for member in archive.under(name):
                    found["%s/%s" % (folder, member.rsplit("/", 1)[-1])] = archive.read(member)
    return found
