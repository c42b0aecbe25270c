"""`repro ping MODEL`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from repro.cli.console import Console, print_facts, print_json
from repro.cli.model_options import ModelCommand, given_options, make_model
from repro.cli.options import json_option, model_argument, runtime_option, variant_option, verbosity
from repro.cli.worker_options import WORKER_KEYWORDS, worker_options

if TYPE_CHECKING:
    from repro.provenance import Ping


@click.command(cls=ModelCommand)
@model_argument
@runtime_option
@variant_option()
@worker_options
@json_option
@verbosity
@click.pass_obj
def command(console: Console, /, model: str, as_json: bool, **values: Any) -> None:
    """Start a model's worker and show what it is."""
    from repro.model import Model
    from repro.provenance import ping

    chosen = Model.by_name(model)
    keywords = {name: values[name] for name in WORKER_KEYWORDS}
    with make_model(chosen, keywords, given_options(chosen, values)) as instance:
        pong = ping(instance)
    if as_json:
        print_json(asdict(pong))
    else:
        _show(console, pong)


def _show(console: Console, pong: Ping) -> None:
    maker, worker = pong.maker, pong.worker
    options = ", ".join(f"{name}={value}" for name, value in worker.get("options", {}).items())
    print_facts(
        [
            ("model", maker.model),
            ("ready after", f"{pong.start_s:.2f} s"),
            ("answers in", f"{pong.answer_s * 1000:.2f} ms"),
            ("runtime", maker.runtime),
            ("image", maker.image if maker.runtime == "docker" else ""),
            ("environment", maker.environment),
            ("device", f"{worker.get('device')} ({worker.get('device_name')})"),
            ("variant", maker.variant or ""),
            ("weights", "\n".join(f"{name} sha256 {digest}" for name, digest in maker.weights.items())),
            ("Python", str(worker.get("python", ""))),
            ("options", options),
        ]
    )
    for name, version in sorted(worker.get("packages", {}).items()):
        console.detail(f"{name} {version}")
