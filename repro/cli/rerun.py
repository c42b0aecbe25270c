"""`repro rerun MANIFEST`"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from repro.cli.console import Console, print_json, print_table
from repro.cli.options import json_option, runtime_option, verbosity

if TYPE_CHECKING:
    from repro.provenance.changes import Change
    from repro.provenance.comparison import RowComparison
    from repro.rerun import RerunReport
    from repro.verification.compare import Difference

EXIT_DIFFERENT = 10
_LONGEST_SHOWN = 60


@click.command(options_metavar="[OPTIONS]")
@click.argument("manifest", type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="Where to keep what comes out. [default: nowhere]")
@runtime_option
@click.option("--device", type=int, metavar="N", help="Index of a GPU, or -1 for the CPU. [default: as it was then]")
@click.option("--input", "input", type=click.Path(), metavar="PATH", help="Where the input is now, if it was moved.")
@json_option
@verbosity
@click.pass_obj
def command(console: Console, /, manifest: str, as_json: bool, **values: Any) -> int:
    """Make an output again from its manifest, and compare.

    MANIFEST is OUTPUT.repro.json, which `repro predict` writes beside OUTPUT, or OUTPUT itself. All is done as it was
    done then, with the image of then where it is still here; what is different now is shown first. The output of then
    is never touched. Exit code 0: the same values; 10: others.
    """
    from repro.cli.progress import record_progress
    from repro.rerun import RerunRequest, rerun

    def tell(changes: Sequence[Change]) -> None:
        if not as_json:
            _show_changes(changes)

    request = RerunRequest(manifest, **values)
    report = rerun(request, say=console.note, tell=tell, watch=record_progress(console, "rerun"))
    if as_json:
        print_json(_plain({**asdict(report), "is_same": report.is_same}))
    else:
        _show(report)
    return 0 if report.is_same else EXIT_DIFFERENT


def _show_changes(changes: Sequence[Change]) -> None:
    if not changes:
        click.echo("nothing that is known of is different now")
        return
    print_table(["DIFFERENT NOW", "THEN", "NOW"], [[one.fact, _fact(one.then), _fact(one.now)] for one in changes])
    click.echo()


def _fact(value: Any) -> str:
    text = "-" if value is None or value == "" else str(value)
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_SHOWN else line[: _LONGEST_SHOWN - 3] + "..."


def _show(report: RerunReport) -> None:
    if report.comparison is not None and not report.is_same:
        _show_differences(report.comparison)
    where = f"; what came out is in {report.output}" if report.output else ""
    click.echo(f"{_told(report)}{where}")


def _told(report: RerunReport) -> str:
    """The result, in a sentence."""
    if report.verdict == "same bytes":
        return f"the same: byte for byte what {report.manifest} says (sha256 {report.sha256_now})"
    if report.verdict == "same values":
        return "the same values, in other bytes: only what the file says of its writer, or how it is packed, differs"
    if report.verdict == "not comparable":
        return (
            f"not the same bytes: sha256 {report.sha256_now}, and was {report.sha256_then};"
            " how the values differ cannot be told without the output of then"
        )
    assert report.comparison is not None
    return f"different: {_counted(report.comparison)}"


def _counted(comparison: RowComparison) -> str:
    if comparison.rows_then != comparison.rows_now:
        return f"{comparison.rows_now:,} rows, and were {comparison.rows_then:,}"
    fields = "; ".join(_field(name, many, comparison.largest.get(name)) for name, many in comparison.fields.items())
    return f"{comparison.different_rows:,} of {comparison.rows_then:,} rows ({fields})"


def _field(name: str, many: int, largest: float | None) -> str:
    return f"{name or 'the row'} in {many:,}" + (f", by up to {largest:.3g}" if largest else "")


def _show_differences(comparison: RowComparison) -> None:
    if not comparison.differences:
        return
    click.secho("largest differences", bold=True)
    print_table(["ROW", "ID", "FIELD", "THEN", "NOW", "DIFFERENCE"], [_line(one) for one in comparison.differences])
    click.echo()


def _line(difference: Difference) -> list[str]:
    place = "".join(f"[{axis}]" for axis in difference.position)
    apart = "-" if difference.difference is None else f"{difference.difference:.3g}"
    row = "-" if difference.record is None else str(difference.record)
    return [
        row,
        difference.record_id or "-",
        difference.field + place,
        _fact(difference.expected),
        _fact(difference.got),
        apart,
    ]


def _plain(value: Any) -> Any:
    """Without infinite numbers, which JSON does not have: how far a number is from none."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(_plain, value))
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
