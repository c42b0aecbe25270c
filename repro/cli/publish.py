"""`repro publish MODEL`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.cli.console import Console, print_facts, print_json
from repro.cli.options import json_option, model_argument, verbosity

if TYPE_CHECKING:
    from repro.images.attaching import Attached
    from repro.images.publish import Permissions, Plan, Publication


@click.command()
@model_argument
@click.option("--registry", metavar="HOST/NAMESPACE", required=True, help="Where to; the model's name is added.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done, and whether the version is there.")
@click.option(
    "--sbom",
    "sbom_file",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the bill of materials. [default: sbom.cdx.json in the model's folder, or here]",
)
@click.option("--no-sbom", is_flag=True, help="Write no bill of materials.")
@click.option("--allow-dirty", is_flag=True, help="Also an image whose source differed from its commit, or is in none.")
@click.option("--allow-unknown-licence", is_flag=True, help="Also with weights in it whose licence is not known.")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    model: str,
    registry: str,
    dry_run: bool,
    sbom_file: Path | None,
    no_sbom: bool,
    allow_dirty: bool,
    allow_unknown_licence: bool,
    as_json: bool,
) -> None:
    """Push a model's image to a registry.

    The image that is set up here gets the name HOST/NAMESPACE/MODEL:VERSION; the digest that it has there is recorded
    in image.lock of the model's folder. A version that exists with another content is never overwritten. What was cut
    is completed by running it again. The login is docker's own: docker login HOST.
    """
    from repro.images.publish import Permissions

    if no_sbom and sbom_file is not None:
        raise click.UsageError("--sbom and --no-sbom exclude each other")
    plan = _plan(model, registry, Permissions(dirty=allow_dirty, unknown_licence=allow_unknown_licence))
    if dry_run:
        _show_plan(plan, as_json)
        return
    publication, attached = _publish(console, plan, sbom_file, no_sbom)
    _tell(console, publication, attached)
    if as_json:
        print_json(_summary(publication, attached))
    else:
        click.echo(f"{plan.name}@{publication.manifest.digest}")


def _plan(model: str, registry: str, allowed: Permissions) -> Plan:
    from repro.images.publish import plan_publication
    from repro.model import Model

    return plan_publication(Model.by_name(model), registry, allowed)


def _publish(
    console: Console, plan: Plan, sbom_file: Path | None, no_sbom: bool
) -> tuple[Publication, Attached | None]:
    from repro.cli.layers import LayerBars
    from repro.images.attaching import attach_sbom, packages_of
    from repro.images.publish import publish

    packages = None if no_sbom else packages_of(plan)  # what cannot be listed is told before anything is pushed
    if not plan.is_published:
        console.note(f"pushing {plan.facts.name} as {plan.name}")
    with LayerBars(console) as bars:
        publication = publish(plan, bars)
    return publication, None if packages is None else attach_sbom(publication, packages, sbom_file)


def _tell(console: Console, publication: Publication, attached: Attached | None) -> None:
    plan = publication.plan
    if plan.is_published:
        console.note(f"{plan.name} was published already, with this content: nothing to push")
    if publication.lock_file is not None:
        console.note(f"recorded in {publication.lock_file}")
    else:
        console.note(f"{plan.model.container_folder()} cannot be written: its image.lock does not record the digest")
    if attached is not None:
        console.note(f"bill of materials: {attached.file}")
        if attached.refusal:
            console.note(f"the registry took no copy of it: {attached.refusal}")


def _show_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        print_json({**_facts(plan), "dry_run": True, "digest": plan.there.digest if plan.there else None})
        return
    there = f"there already, with this content ({plan.there.digest})" if plan.there else "not there yet"
    print_facts(
        [
            ("image", f"{plan.facts.name} ({plan.facts.identity})"),
            ("to", plan.name),
            ("version", there),
            ("recorded", plan.recorded.digest if plan.recorded else "no"),
            ("would", "push nothing" if plan.is_published else "push it, and record its digest"),
        ]
    )


def _summary(publication: Publication, attached: Attached | None) -> dict[str, Any]:
    return {
        **_facts(publication.plan),
        "dry_run": False,
        "digest": publication.manifest.digest,
        "recorded_in": str(publication.lock_file) if publication.lock_file else None,
        "sbom": str(attached.file) if attached else None,
        "sbom_digest": (attached.digest or None) if attached else None,
    }


def _facts(plan: Plan) -> dict[str, Any]:
    return {
        "model": plan.model.folder_name(),
        "image": plan.facts.name,
        "identity": plan.facts.identity,
        "repository": str(plan.repository),
        "version": plan.version,
        "was_published_already": plan.is_published,
    }
