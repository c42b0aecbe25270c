"""`repro verify MODEL`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, print_json, print_table
from repro.cli.options import complete_models, complete_variants, json_option, runtime_option, verbosity

if TYPE_CHECKING:
    from repro.model import Model
    from repro.verification import Check, Report, Request

_EXIT_DIFFERS = 10
_EXIT_NOTHING_VERIFIED = 4


@click.command()
@click.argument("models", nargs=-1, metavar="MODEL...", shell_complete=complete_models)
@click.option("--all", "every", is_flag=True, help="All models that are set up here and have golden answers.")
@runtime_option
@click.option("--device", type=int, default=-1, metavar="N", help="Index of a GPU, or -1 for the CPU. [default: -1]")
@click.option(
    "--variant",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_variants,
    help="Only the cases of these weights; may be repeated.",
)
@click.option(
    "--weights", type=click.Path(exists=True, path_type=Path), help="A file or folder in place of the fetched weights."
)
@click.option("--case", "cases", multiple=True, metavar="NAME", help="Only this golden case; may be repeated.")
@click.option("--slow", is_flag=True, help="Also the cases that take minutes.")
@click.option("--image", metavar="IMAGE", help="Another image of the model. [default: the model's own]")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    /,
    models: tuple[str, ...],
    every: bool,
    runtime: str | None,
    device: int,
    variant: tuple[str, ...],
    weights: Path | None,
    cases: tuple[str, ...],
    slow: bool,
    image: str | None,
    as_json: bool,
) -> int:
    """Check that a model gives its golden answers here.

    Runs the golden records that ship with the model, and compares what it answers field by field. Then checks what
    every model must keep: one-shot and warm form give the same, so do one record and many, in any order; no input is
    fine; a record that fails fails alone; answers hold what is declared; the GPU gives what the CPU does.

    Exit code 0: all is right. 10: something differs. 4: nothing could be verified.
    """
    from repro.verification import Request

    request = Request(
        runtime=None if runtime in (None, "auto") else runtime,
        device=device,
        image=image,
        variants=variant,
        weights=weights,
        cases=cases,
        slow=slow,
    )
    reports = _verify_all(console, request) if every else _verify(console, models, request)
    if as_json:
        dicts = [report.as_dict() for report in reports]
        print_json(dicts[0] if len(dicts) == 1 and not every else dicts)
    else:
        for report in reports:
            _show(console, report)
    return _exit_code([report.verdict for report in reports])


def _exit_code(verdicts: list[str]) -> int:
    if "differs" in verdicts:
        return _EXIT_DIFFERS
    return 0 if "right" in verdicts else _EXIT_NOTHING_VERIFIED


def _verify(console: Console, names: tuple[str, ...], request: Request) -> list[Report]:
    if not names:
        raise click.UsageError("Missing argument 'MODEL...'; or give --all.")
    return [_verify_one(console, model, request) for model in _all_by_name(names)]


def _all_by_name(names: tuple[str, ...]) -> list[type[Model]]:
    """The models of these names. Raises ModelNotFoundError, which tells of each that is not known."""
    from repro.errors import ModelNotFoundError
    from repro.model import Model

    found, unknown = [], []
    for name in names:
        try:
            found.append(Model.by_name(name))
        except ModelNotFoundError as error:
            unknown.append(error)
    if len(unknown) > 1:
        fixes = dict.fromkeys(error.fix for error in unknown if error.fix)
        raise ModelNotFoundError("; ".join(error.message for error in unknown), fix="; ".join(fixes))
    if unknown:
        raise unknown[0]
    return found


def _verify_all(console: Console, request: Request) -> list[Report]:
    """Every model that can be verified here; why another one cannot is said."""
    from repro.errors import NotSetUpError
    from repro.model import Model

    reports = []
    for name in Model.list():
        try:
            reports.append(_verify_one(console, Model.by_name(name), request))
        except NotSetUpError as error:
            console.note(f"{name} is skipped: {error.message}{f' (do: {error.fix})' if error.fix else ''}")
    return reports


def _verify_one(console: Console, model: type[Model], request: Request) -> Report:
    from repro.verification import verify_model

    name = model.folder_name()
    return verify_model(model, request, say=lambda line: console.note(f"{name}: {line}"))


# ------------------------------------------------------------------------------------------------------- what is shown


def _show(console: Console, report: Report) -> None:
    where = f" in {report.runtime} ({report.image or report.environment}), {report.device}" if report.runtime else ""
    click.secho(f"{report.model}{where}", bold=True)
    _show_cases(report)
    _show_distances(report)
    _show_differences(report)
    _show_checks(report)
    _show_verdict(console, report)


def _show_cases(report: Report) -> None:
    rows = []
    has_weights = any(case.weights is not None and case.weights.kind != "none" for case in report.cases)
    for case in report.cases:
        count = len(case.differences)
        differs = f"{count} difference{'' if count == 1 else 's'}"
        said = {"right": case.closeness, "differs": differs, "skipped": case.reason}
        weights = [str(case.weights or "-")] if has_weights else []
        rows.append([case.name, case.variant or "-", *weights, str(case.records), case.state, said[case.state]])
    if rows:
        weights = ["WEIGHTS"] if has_weights else []
        print_table(["GOLDEN CASE", "VARIANT", *weights, "RECORDS", "RESULT", ""], rows)
    for fix in dict.fromkeys(case.fix for case in report.cases if case.fix):
        click.echo(f"do: {fix}")


def _show_distances(report: Report) -> None:
    """A line for each way in which the model was started, such as each precision: how far it is from the golden
    answers, over all cases that were run so."""
    names = report.varied_options()
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for case in report.cases:
        if names and case.state != "skipped":
            mine = found.setdefault(tuple(str(case.options.get(name) or "-") for name in names), {})
            for field, difference in case.largest.items():
                mine[field] = max(difference, mine.get(field, 0.0))
    if not names:
        return
    fields = list(dict.fromkeys(field for mine in found.values() for field in mine))
    rows = [
        [*values, *("-" if field not in mine else f"{mine[field]:.1e}" if mine[field] else "0" for field in fields)]
        for values, mine in found.items()
        if mine
    ]
    if rows:
        click.secho("\nlargest difference from the golden answers, on this machine", bold=True)
        print_table([*(name.upper() for name in names), *fields], rows)


def _show_differences(report: Report) -> None:
    found = [(case.name, one) for case in report.cases for one in case.differences]
    found += [(f"{check.case} ({check.name})", one) for check in report.checks for one in check.differences]
    if not found:
        return
    from repro.verification.report import shown_position

    click.secho("\nwhat differs", bold=True)
    rows = []
    for case, one in found:
        name = f"{'' if one.record is None else one.record}{f' {one.record_id}' if one.record_id else ''}"
        allowed = one.tolerance if one.allowed is None else f"{one.allowed:.3g}"
        more = f" ({one.values} values)" if one.values > 1 else ""
        rows.append(
            [
                case,
                name or "-",
                one.field or "-",
                one.kind,
                shown_position(one) or "-",
                one.expected,
                one.got,
                "-" if one.difference is None else f"{one.difference:.3g}{more}",
                allowed,
            ]
        )
    header = ["CASE", "RECORD", "FIELD", "WHAT", "POSITION", "EXPECTED", "GOT", "DIFFERENCE", "ALLOWED"]
    print_table(header, rows)


def _show_checks(report: Report) -> None:
    """A line a check, over all cases; what failed, case by case, with what to do."""
    if not report.checks:
        return
    click.secho("\nwhat every model must keep", bold=True)
    print_table(["CHECK", "RESULT", "FINDING"], [_check_row(name, found) for name, found in _by_name(report).items()])
    for check in report.checks:
        if check.state == "failed":
            click.echo(f"{check.name}, {check.case}: {check.finding}\n  do: {check.remedy}")


def _by_name(report: Report) -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for check in report.checks:
        found.setdefault(check.name, []).append(check)
    return found


def _check_row(name: str, checks: list[Check]) -> list[str]:
    by_state = {
        state: [check for check in checks if check.state == state] for state in ("failed", "passed", "not checked")
    }
    worst = next(state for state, some in by_state.items() if some)
    some = by_state[worst]
    many = f"{len(some)} of {len(checks)} cases; " if len(checks) > 1 else ""
    told = max(some, key=lambda check: check.largest).finding
    if len({check.finding for check in some}) > 1:
        told += "; ..."
    return [name, worst, f"{many}{told}"]


def _show_verdict(console: Console, report: Report) -> None:
    against = {case.held_against for case in report.cases if case.held_against and case.state != "skipped"}
    for one in sorted(against, key=str):
        console.note(f"held against: {one.kind} {one.name}{f' ({one.address})' if one.address else ''}")
    right = sum(case.state == "right" for case in report.cases)
    console.note(f"{report.model}: {report.summary()}; {right} of {len(report.cases)} golden cases are right here")
