"""Data sets to files: the archive with manifest.toml (.zip), or with manifest.lock (.pgdata)."""

from . import pgdata, seed_zip, stored_splits
from .archive import write_archive
from .errors import DatasetError
from .table import write_columns
from .toml_text import dump_toml

_TABLE = "assays.csv"
_ALIGNMENT = "msas"
_FORMATS = {"a3m": "a3m", "a2m": "fasta", "sto": "stockholm"}


def write_dataset(dataset, path):
    """What Dataset.save does."""
    if path.endswith(".pgdata"):
        write_archive(path, _pgdata_members(dataset))
    elif path.endswith(".zip"):
        write_archive(path, _zip_members(dataset))
    else:
        raise DatasetError("%s: data sets are written as .pgdata or .zip" % path, "name the file so")


def _columns(dataset):
    """The table with the labels of the splits."""
    columns = dict(dataset.table)
    for split in dataset.splits.values():
        column = stored_splits.column_of(split)
        if column in columns:
            raise DatasetError(
                "%s has a column %s already, where the split %s is written" % (dataset.name, column, split.name),
                "give the split another name",
            )
        columns[column] = split.labels
    return columns


def _described(dataset):
    return {name: stored_splits.described(split) for name, split in dataset.splits.items()}


def _files(dataset):
    for name in sorted(dataset.files):
        yield name, [dataset.files[name]]


def _zip_members(dataset):
    manifest = {
        **{key: getattr(dataset, key) for key in ("name", "description", "doi", "source", "xref")},
        **{key: value for key, value in dataset.extra.items() if key != seed_zip.META},
        seed_zip.META: _meta(dataset),
        "splits": _described(dataset),
    }
    for folder, (key, *_) in seed_zip.FOLDERS.items():
        if any(name.startswith(folder + "/") for name in dataset.files):
            manifest[key] = {**dataset.extra.get(key, {}), "file_path": folder}
    yield seed_zip.MANIFEST, [dump_toml(manifest).encode("utf-8")]
    yield _TABLE, write_columns(_columns(dataset))
    yield from _files(dataset)


def _meta(dataset):
    meta = dataset.extra.get(seed_zip.META, {})
    labels = [stored_splits.column_of(split) for split in dataset.splits.values() if not split.is_folds]
    return {
        "file_path": _TABLE,
        "sequence_feature": next(iter(dataset.assays.values())).sequence_column,
        "engineering_round_feature": meta.get("engineering_round_feature", ""),
        "split_feature": labels[0] if labels else "",
        "split_strategy": meta.get("split_strategy", ""),
        "columns": list(dataset.table),
        "assays": {
            target: {
                "description": assay.description,
                **({"label": assay.label} if assay.label else {}),
                "features": assay.features,
                "constants": assay.constants,
            }
            for target, assay in dataset.assays.items()
        },
    }


def _pgdata_members(dataset):
    table = "assays/%s.csv" % dataset.name
    reference = pgdata.reference_file(dataset.name)
    added = {}
    if dataset.wild_type and not any(name.startswith("sequences/") for name in dataset.files):
        added[reference] = pgdata.reference_fasta(dataset.name, dataset.wild_type)
    yield pgdata.MANIFEST, [dump_toml(_lock(dataset, table, list(added))).encode("utf-8")]
    yield pgdata.BESIDE, [dump_toml(_beside(dataset)).encode("utf-8")]
    yield table, write_columns(_columns(dataset))
    for name, content in added.items():
        yield name, [content]
    yield from _files(dataset)


def _beside(dataset):
    shown = (*pgdata.KEPT, *pgdata.FILED)
    return {
        **{key: getattr(dataset, key) for key in ("doi", "source", "xref") if getattr(dataset, key)},
        "columns": list(dataset.table),
        "assays": {target: {"features": assay.features} for target, assay in dataset.assays.items() if assay.features},
        "splits": _described(dataset),
        "extra": {key: value for key, value in dataset.extra.items() if key not in shown},
    }


def _lock(dataset, table, references):
    variables = dict.fromkeys(key for assay in dataset.assays.values() for key in assay.constants)
    return {
        "version": pgdata.VERSION,
        "name": dataset.name,
        "description": dataset.description or None,
        "assay_variables": [{"name": name} for name in variables],
        "assay_targets": [{"name": assay.label or assay.target} for assay in dataset.assays.values()],
        "assays": [_assay(assay, table) for assay in dataset.assays.values()],
        **{key: found for key, found in _sections(dataset, references).items() if found},
        **{key: dataset.extra[key] for key in pgdata.KEPT if key in dataset.extra},
    }


def _assay(assay, table):
    return {
        "name": assay.target,
        "description": assay.description or None,
        "sequence_alias": assay.sequence_column if assay.sequence_column != "sequence" else None,
        "sequence_alphabet": "AA",
        "path": table,
        "targets": [{"name": assay.label or assay.target, "alias": assay.target if assay.label else None}],
        "variables": assay.constants,
    }


def _sections(dataset, references):
    """The sections of the kept files: as they were read, or as much as can be said of a file."""
    sections = {key: list(dataset.extra.get(key, [])) for key in pgdata.FILED}
    sections["sequences"] += [{"type": "wild_type", "alphabet": "AA", "path": path} for path in references]
    named = {one.get(path) for found in sections.values() for one in found for path in ("path", "weights_path")}
    for name in sorted(set(dataset.files) - named):
        folder, _, file_name = name.partition("/")
        if folder in sections:
            about = {"path": name}
            if folder == "sequences":
                about.update(type="wild_type", alphabet="AA")
            if folder == _ALIGNMENT:
                about["format"] = _FORMATS.get(file_name.rsplit(".", 1)[-1], "fasta")
            sections[folder].append(about)
    return sections
