"""`repro dataset info DATASET`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro.cli.console import counted, print_facts, print_json
from repro.cli.dataset.options import dataset_argument, read, split_facts, spread
from repro.cli.options import json_option, verbosity

if TYPE_CHECKING:
    from repro.guest.assays import Assay, Dataset

_SHOWN = 60


@click.command(name="info")
@dataset_argument
@json_option
@verbosity
def command(dataset: str, reference: Path | None, target: str | None, as_json: bool) -> None:
    """Show what is in a data set: targets, wild type, variants, splits, where it is from."""
    from repro.benchmarks.proteingym.finding import find_dataset

    path = find_dataset(dataset)
    found = read(dataset, reference, target)
    if as_json:
        print_json(_summary(found, path))
    else:
        print_facts(_facts(found, path))


def _facts(dataset: Dataset, path: Path) -> list[tuple[str, str]]:
    facts = [("name", dataset.name), ("file", str(path)), ("description", dataset.description)]
    facts += [("source", dataset.source), ("doi", dataset.doi), ("xref", dataset.xref)]
    facts += [("licence", str(dataset.extra.get("licence") or "")), ("rows", f"{len(dataset):,}")]
    facts += [("target", _told(dataset, assay)) for assay in dataset.assays.values()]
    wild_type = dataset.wild_type
    shown = "" if wild_type is None else wild_type[:_SHOWN] + ("..." if len(wild_type) > _SHOWN else "")
    facts += [("wild type", "" if wild_type is None else f"{counted(len(wild_type), 'residue')}: {shown}")]
    facts += [("variants", ", ".join(f"{count:,} {kind}" for kind, count in _depths(dataset).items()))]
    facts += [("split", f"{name}: {spread(split)}") for name, split in dataset.splits.items()]
    facts += [("splits", "" if dataset.splits else f"none; repro dataset split {path} -o OUT.pgdata adds some")]
    facts += [("files", "\n".join(dataset.files)), ("digest", dataset.digest)]
    return facts


def _told(dataset: Dataset, assay: Assay) -> str:
    about = _measured(dataset, assay)
    text = f"{assay.target}: {about['measured']:,} measured"
    if about["measured"]:
        text += f", {about['least']:g} to {about['most']:g}, mean {about['mean']:.4g}"
    if about["missing"]:
        text += f"; {about['missing']:,} rows without"
    features = f"; features {', '.join(assay.features)}" if assay.features else ""
    description = f"\n{assay.description}" if assay.description and assay.description != dataset.description else ""
    return text + features + description


def _measured(dataset: Dataset, assay: Assay) -> dict[str, float | int | None]:
    column = dataset.table[assay.target]
    values = [value for value in column if value == value]
    return {
        "measured": len(values),
        "missing": len(column) - len(values),
        "least": min(values, default=None),
        "most": max(values, default=None),
        "mean": sum(values) / len(values) if values else None,
    }


def _depths(dataset: Dataset) -> dict[str, int]:
    """How many variants have how many substitutions, where their names or the wild type say it."""
    from repro.guest.assays.mutants import changed_positions

    wild_type, sequences = dataset.wild_type, dataset.sequences
    if dataset.mutants is not None:
        counts = [_count(mutant) for mutant in dataset.mutants]
    elif wild_type is not None and all(len(one) == len(wild_type) for one in sequences):
        counts = [len(changed_positions(wild_type, one)) for one in sequences]
    else:
        return {}
    found = {"unchanged": counts.count(0), "single": counts.count(1)}
    found["multiple"] = sum(1 for count in counts if count is not None and count > 1)
    found["of another kind"] = counts.count(None)
    return {kind: count for kind, count in found.items() if count}


def _count(mutant: str) -> int | None:
    from repro.guest.assays import DatasetError
    from repro.guest.assays.mutants import positions

    try:
        return len(positions(mutant))
    except DatasetError:  # an insertion, a deletion, or a name of its own
        return None


def _summary(dataset: Dataset, path: Path) -> dict[str, object]:
    texts = {key: getattr(dataset, key) for key in ("name", "description", "source", "doi", "xref")}
    return {
        **texts,
        "file": str(path),
        "digest": dataset.digest,
        "rows": len(dataset),
        "columns": list(dataset.table),
        "targets": {
            target: {
                "description": assay.description,
                "features": assay.features,
                "constants": assay.constants,
                **_measured(dataset, assay),
            }
            for target, assay in dataset.assays.items()
        },
        "wild_type": dataset.wild_type,
        "variants": _depths(dataset),
        "splits": {name: split_facts(split) for name, split in dataset.splits.items()},
        "files": list(dataset.files),
        "extra": dataset.extra,
    }
