"""Data sets to files: the archive with manifest.toml (.zip), or with manifest.lock (.pgdata)."""

from . import pgdata, seed_zip, stored_splits
from .archive import write_archive
from .errors import DatasetError
from .table import write_columns
from .toml_text import dump_toml

_TABLE = "assays.csv"


def write_dataset(dataset, path):
    """What Dataset.save does."""
    if path.endswith(".pgdata"):
        write_archive(path, _pgdata_members(dataset))
    elif path.endswith(".zip"):
        write_archive(path, _zip_members(dataset))
    else:
        raise DatasetError("%s: data sets are written as .pgdata or .zip" % path, "name the file so")


def _columns(dataset):
    columns = dict(dataset.table)
    for split in dataset.splits.values():
        columns[stored_splits.column_of(split)] = split.labels
    return columns


def _described(dataset):
    return {name: stored_splits.described(split) for name, split in dataset.splits.items()}


def _zip_members(dataset):
    meta = dict(dataset.extra.get("assays_meta", {}))
    labels = [stored_splits.column_of(one) for one in dataset.splits.values() if not one.is_folds]
    first = next(iter(dataset.assays.values()))
    manifest = {
        **{key: getattr(dataset, key) for key in ("name", "description", "doi", "source", "xref")},
        **{key: value for key, value in dataset.extra.items() if key != "assays_meta"},
        "assays_meta": {
            "file_path": _TABLE,
            "sequence_feature": first.sequence_column,
            "engineering_round_feature": meta.get("engineering_round_feature", ""),
            "split_feature": labels[0] if labels else "",
            "split_strategy": meta.get("split_strategy", ""),
            "columns": list(dataset.table),
            "assays": {
                target: {"description": assay.description, "features": assay.features, "constants": assay.constants}
                for target, assay in dataset.assays.items()
            },
        },
        "splits": _described(dataset),
    }
    for key, folder in (("structures_meta", "structures"), ("msa_meta", "msas")):
        if any(name.startswith(folder + "/") for name in dataset.files):
            manifest[key] = {"file_path": folder}
    yield seed_zip.MANIFEST, [dump_toml(manifest).encode("utf-8")]
    yield _TABLE, write_columns(_columns(dataset))
    for name in sorted(dataset.files):
        yield name, [dataset.files[name]]


def _pgdata_members(dataset):
    table = "assays/%s.csv" % dataset.name
    yield pgdata.MANIFEST, [dump_toml(_lock(dataset, table)).encode("utf-8")]
    beside = {
        **{key: getattr(dataset, key) for key in ("doi", "source", "xref") if getattr(dataset, key)},
        "columns": list(dataset.table),
        "assays": {target: {"features": assay.features} for target, assay in dataset.assays.items() if assay.features},
        "splits": _described(dataset),
        "extra": dataset.extra,
    }
    yield pgdata.BESIDE, [dump_toml(beside).encode("utf-8")]
    yield table, write_columns(_columns(dataset))
    for name in sorted(dataset.files):
        yield name, [dataset.files[name]]


def _lock(dataset, table):
    variables = {key: None for assay in dataset.assays.values() for key in assay.constants}
    return {
        "version": pgdata.VERSION,
        "name": dataset.name,
        "description": dataset.description or None,
        "assay_variables": [{"name": name} for name in variables],
        "assay_targets": [{"name": target} for target in dataset.assays],
        "assays": [
            {
                "name": target,
                "description": assay.description or None,
                "sequence": assay.sequence_column,
                "sequence_alphabet": "AA",
                "path": table,
                "targets": {target: target},
                "variables": assay.constants,
            }
            for target, assay in dataset.assays.items()
        ],
        **{
            key: [{"path": name} for name in sorted(dataset.files) if name.startswith(key + "/")]
            for key in ("structures",)
        },
    }
