"""`repro dataset split DATASET [SPLIT]... -o OUT`"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, counted, print_json
from repro.cli.dataset.options import check_output, dataset_argument, output_option, read, split_facts, spread
from repro.cli.options import json_option, verbosity
from repro.errors import InputError, SettingsError

if TYPE_CHECKING:
    from repro.guest.assays import Dataset, Split

_FOLDS = re.compile(r"(random|modulo|contiguous)(?:_([1-9][0-9]{0,3}))?")
_PARTS = "train_valid_test"
_SHOWN_NAMES = ["random_5", "modulo_5", "contiguous_5", _PARTS]


@click.command(name="split", options_metavar="-o OUT [OPTIONS]")
@dataset_argument
@click.argument("splits", nargs=-1, metavar="[SPLIT]...")
@output_option
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
@click.option(
    "--fractions",
    default="0.8,0.1,0.1",
    show_default=True,
    metavar="X,Y,Z",
    help="Of rows to train, to validate and to test (train_valid_test).",
)
@click.option("--name", metavar="NAME", help="What the split is called, where one is made. [default: as it is made]")
@click.option("--replace", is_flag=True, help="Make anew what is stored under the same name.")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    dataset: str,
    splits: tuple[str, ...],
    output: Path,
    seed: int,
    fractions: str,
    name: str | None,
    replace: bool,
    reference: Path | None,
    target: str | None,
    as_json: bool,
) -> None:
    """Add splits to a data set, and write it with them.

    \b
    repro dataset split A4_HUMAN_Seuma_2021 modulo_5 contiguous_5 -o a4.pgdata

    SPLIT is random_5, modulo_5, contiguous_5 (or another number of folds), as ProteinGym defines them, or
    train_valid_test. [default: random_5] No sequence comes into two parts of a split. Equal data and seed give equal
    splits.
    """
    from repro.benchmarks.proteingym.saving import save_dataset

    check_output(output)
    wanted = dict.fromkeys(splits or ("random_5",))
    if name is not None and len(wanted) > 1:
        raise SettingsError(f"--name is for one split, and {len(wanted)} are to be made", fix="leave --name out")
    found = read(dataset, reference, target)
    made = []
    for one in wanted:
        split = _made(one, found, seed, _parsed(fractions), name)
        if split.name in found.splits and not replace:
            raise SettingsError(
                f"{found.name} has a split {split.name} already",
                fix="add --replace, or --name",
            )
        found = found.with_split(split)
        made.append(split)
    save_dataset(found, output)
    if as_json:
        told = {split.name: split_facts(split) for split in made}
        print_json({"file": str(output), "digest": found.digest, "made": told, "splits": list(found.splits)})
    for split in made:
        drawn = f", seed {split.seed}" if split.seed is not None else ""
        console.note(f"made {split.name} ({split.kind}{drawn}): {spread(split)}")
    console.note(f"{output}: {counted(len(found), 'row')}, splits {', '.join(found.splits)}")


def _made(wanted: str, dataset: Dataset, seed: int, fractions: tuple[float, ...], name: str | None) -> Split:
    """The split. Raises InputError (no such kind); DatasetError where the data set does not allow it."""
    from repro.benchmarks.proteingym import make_split

    plain = wanted.strip().replace("-", "_")
    match = _FOLDS.fullmatch(plain)
    if match is not None:
        made: Split = make_split(match[1], dataset, folds=int(match[2] or 5), seed=seed, name=name)
        return made
    if plain != _PARTS:
        near = difflib.get_close_matches(plain, _SHOWN_NAMES, n=1)
        fix = f"did you mean {near[0]}?" if near else f"there are: {', '.join(_SHOWN_NAMES)}"
        raise InputError(f"{wanted!r} is no split that can be made", fix=fix)
    made = make_split("train-valid-test", dataset, seed=seed, fractions=fractions, name=name)
    return made  # noqa: RET504 (told what it is, above)


def _parsed(fractions: str) -> tuple[float, ...]:
    """Three numbers. Raises SettingsError.

    >>> _parsed("0.6, 0.2, 0.2")
    (0.6, 0.2, 0.2)
    """
    try:
        found = tuple(float(word) for word in fractions.split(","))
    except ValueError:
        found = ()
    if len(found) != 3 or min(found) < 0 or not 0.999 < sum(found) < 1.001 or not found[0] or not found[2]:
        raise SettingsError(
            f"--fractions {fractions!r} is not three numbers that add up to 1, the first and the last above 0",
            fix="--fractions 0.8,0.1,0.1",
        )
    return found
