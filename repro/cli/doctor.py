"""`repro doctor`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from repro.cli.console import print_json
from repro.cli.options import json_option, verbosity

if TYPE_CHECKING:
    from repro.doctor import Finding

_EXIT_FAULT = 1
_COLOURS = {"ok": "green", "warning": "yellow", "fault": "red"}
_STATUS_WIDTH = 9
_NAME_WIDTH = 22


@click.command()
@json_option
@verbosity
def command(as_json: bool) -> int:
    """Check this machine: engine, GPU, disk, permissions, weights.

    Each check says what it found and, where something is wrong, what to do. The exit code is 1 when there is a fault;
    a warning (no engine, say) leaves something that works.
    """
    from repro.doctor import examine
    from repro.settings import load_settings

    findings = []
    for finding in examine(load_settings()):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    return _EXIT_FAULT if any(finding.status == "fault" for finding in findings) else 0


def _show(finding: Finding) -> None:
    status = click.style(finding.status.ljust(_STATUS_WIDTH), fg=_COLOURS[finding.status])
    click.echo(f"{status}{finding.name.ljust(_NAME_WIDTH)} {finding.finding}")
    if finding.remedy:
        click.echo(f"{' ' * (_STATUS_WIDTH + _NAME_WIDTH + 1)}do: {finding.remedy}")
