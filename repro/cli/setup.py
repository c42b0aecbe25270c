"""`repro setup MODEL`"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from repro.cli.console import QUIET, Console, print_json
from repro.cli.options import json_option, model_argument, runtime_option, variant_option, verbosity

if TYPE_CHECKING:
    from repro.inspection import Place
    from repro.model import Model
    from repro.runtimes.base import BuildOptions, Environment, Runtime
    from repro.settings import Settings


@click.command()
@model_argument
@runtime_option
@variant_option(multiple=True)
@click.option("--bake", is_flag=True, help="Put the weights into the image, which then needs no mount (docker).")
@click.option(
    "--build-arg",
    "build_args",
    metavar="NAME=VALUE",
    multiple=True,
    help="A value for an ARG of the Dockerfile (docker).",
)
@click.option(
    "--secret",
    "secrets",
    metavar="id=NAME,src=FILE|env=VARIABLE",
    multiple=True,
    help="What RUN lines that mount it may read; it stays in no layer (docker).",
)
@click.option("--no-cache", is_flag=True, help="Make everything anew, also what has not changed.")
@click.option("--platform", metavar="OS/ARCH", help="For another platform than the engine's: linux/arm64 (docker).")
@click.option("--silent", is_flag=True, help="Say nothing but errors, as -q.")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    model: str,
    runtime: str | None,
    variant: tuple[str, ...],
    bake: bool,
    build_args: tuple[str, ...],
    secrets: tuple[str, ...],
    no_cache: bool,
    platform: str | None,
    silent: bool,
    as_json: bool,
) -> None:
    """Make a model ready: its image or environment, its weights.

    Doing it again is quick, and changes nothing where nothing has changed. Weights that were fetched halfway go on
    from there.
    """
    from repro.runtimes.base import BuildOptions
    from repro.runtimes.choice import choose_runtime
    from repro.setting_up import model_to_set_up
    from repro.settings import load_settings

    if silent:
        console.level = QUIET
        console.apply()
    settings = load_settings()
    chosen = model_to_set_up(model)
    for name in variant:
        chosen.config().variant(name)  # a name that is not known is told before anything is built
    place = choose_runtime(None if runtime in (None, "auto") else runtime, settings)
    before = _place(place, chosen, settings)
    options = BuildOptions(build_args=_build_args(build_args), no_cache=no_cache, platform=platform, secrets=secrets)
    environment = _set_up(console, chosen, place, settings, variant, options, bake)
    was_ready = before.is_ready and before.identity == environment.identity
    if as_json:
        print_json(_summary(environment, chosen, was_ready))
    else:
        done = "was set up already" if was_ready else "is set up"
        console.note(f"{chosen.folder_name()} {done} for the runtime {environment.runtime} ({environment.identity})")


def _place(runtime: Runtime, model: type[Model], settings: Settings) -> Place:
    """What was there before."""
    from repro.inspection import docker_place, local_place

    return docker_place(model.spec()) if runtime.name == "docker" else local_place(model.spec(), settings)


def _build_args(given: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` as a mapping. Raises SettingsError."""
    from repro.errors import SettingsError

    for text in given:
        if "=" not in text or text.startswith("="):
            raise SettingsError("a --build-arg is not of the form NAME=VALUE", fix="--build-arg NAME=VALUE")
    return dict(text.split("=", 1) for text in given)


def _set_up(
    console: Console,
    model: type[Model],
    runtime: Runtime,
    settings: Settings,
    variants: tuple[str, ...],
    options: BuildOptions,
    bake: bool,
) -> Environment:
    from repro.cli.build_progress import build_watch
    from repro.cli.progress import DownloadBars
    from repro.setting_up import SetupRequest, SetupSubcommand

    with DownloadBars(console) as bars:
        request = SetupRequest(
            model=model,
            runtime=runtime,
            settings=settings,
            report=console.note,
            variants=variants,
            progress=bars,
            options=replace(options, watch=build_watch(console, lambda: bars.__exit__())),
            bake=bake,
        )
        return SetupSubcommand.of(model).run(request)


def _summary(environment: Environment, model: type[Model], was_ready: bool) -> dict[str, object]:
    return {
        "model": model.folder_name(),
        "runtime": environment.runtime,
        "image": environment.spec.image,
        "environment": environment.identity,
        "was_set_up_already": was_ready,
    }
