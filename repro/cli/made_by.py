"""How `repro info` shows an image, and what made an output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from repro.cli.clean import shown_size
from repro.cli.console import Console, print_facts, print_table

if TYPE_CHECKING:
    from repro.images.facts import ImageFacts
    from repro.provenance.lookup import MadeOutput
    from repro.provenance.manifest import (
        EnvironmentFacts,
        FileFacts,
        Manifest,
        ModelFacts,
        Stint,
        TrainingFacts,
        WorkerFacts,
    )

_STATES = {
    "unchanged": "as it was written",
    "changed": "CHANGED since it was written: this is not what the manifest is of",
    "missing": "not there",
}


def show_image(console: Console, image: ImageFacts) -> None:
    """An image: where it comes from, what is in it, what it takes and gives."""
    if not (image.repro or image.model):
        console.note(f"{image.name} has no labels of repro: it was not built by `repro setup`")
    variants = [name + (" (weights in the image)" if name in image.baked else "") for name in image.variants]
    print_facts(
        [
            ("image", image.name),
            ("digest", image.identity),
            ("in registries", "\n".join(image.digests)),
            ("created", image.created),
            ("size", shown_size(image.size_bytes)),
            ("model", " ".join(part for part in (image.model, image.version) if part)),
            ("built by", f"repro {image.repro}" if image.repro else ""),
            ("revision", image.revision),
            ("licence", image.licences),
            ("base", " ".join(part for part in (image.base_name, image.base_digest) if part)),
            ("variants", "\n".join(variants)),
            ("weights", "\n".join(_weights_lines(image.weights))),
        ]
    )
    for title, key in (("a record has", "inputs"), ("an answer has", "outputs")):
        _show_schema(title, image.schema.get(key))


def show_output(console: Console, found: MadeOutput) -> None:
    """An output: whether it is as it was written, and what made it."""
    manifest, made_by, output = found.manifest, found.manifest.made_by, found.output
    print_facts(
        [
            ("output", str(output.path)),
            ("state", _STATES[output.state]),
            ("sha256", manifest.output.sha256 or ""),
            ("size", shown_size(manifest.output.bytes or 0)),
            ("manifest", str(found.manifest_file)),
            ("model", _model(made_by.model)),
            ("variant", made_by.model.variant or ""),
            ("weights", "\n".join(f"{name} sha256 {digest}" for name, digest in made_by.weights.items())),
            ("runtime", made_by.environment.runtime),
            *_environment(made_by.environment),
            ("options", _pairs(made_by.options)),
            ("parameters", _pairs(made_by.parameters)),
            ("batch size", str(made_by.batch_size)),
            *_worker(manifest.worker),
            ("host", f"{manifest.host.cpu}, {manifest.host.processors} processors, {manifest.host.platform}"),
            *_training(manifest.training),
            ("input", _file(manifest.input)),
            ("read", _read(manifest)),
            ("records", _records(manifest)),
            ("resumed", "\n".join(map(_stint, manifest.resumed))),
            ("made", f"{manifest.started} to {manifest.ended} ({manifest.seconds.whole:.1f} s)"),
            ("repro", made_by.repro),
        ]
    )
    for name, version in (manifest.worker.packages if manifest.worker is not None else {}).items():
        console.detail(f"{name} {version}")


def _model(model: ModelFacts) -> str:
    package = f"{model.package} {model.package_version}".strip()
    version = f" {model.version}" if model.version else ""
    return f"{model.name}{version}" + (f" (from {package})" if package else "")


def _environment(environment: EnvironmentFacts) -> list[tuple[str, str]]:
    if environment.runtime == "local":
        return [("environment", environment.identity)]
    return [
        ("image", environment.image),
        ("digest", environment.identity),
        ("in registries", "\n".join(environment.registry_digests)),
        ("revision", environment.revision),
        ("base", " ".join(part for part in (environment.base, environment.base_digest) if part)),
    ]


def _worker(worker: WorkerFacts | None) -> list[tuple[str, str]]:
    if worker is None:
        return [("worker", "none: the model starts a container a call")]
    libraries = [f"{name} {facts.get('version', '?')}" for name, facts in worker.libraries.items()]
    return [
        ("device", f"{worker.device} ({worker.device_name})" if worker.device_name else worker.device),
        ("Python", f"{worker.python} ({worker.platform})" if worker.platform else worker.python),
        ("libraries", ", ".join(libraries)),
        ("threads", _pairs(worker.threads)),
    ]


def _training(training: TrainingFacts | None) -> list[tuple[str, str]]:
    if training is None:
        return []
    folds = f", folds {', '.join(map(str, training.folds))}" if training.folds else ""
    return [
        ("data set", f"{training.dataset}, {training.target} (content sha256 {training.dataset_digest})"),
        ("held out", f"{training.split}{folds}"),
        ("card", f"{training.model} (content sha256 {training.card_digest})"),
        ("hyper-params", _pairs(training.hyper_params)),
    ]


def _read(manifest: Manifest) -> str:
    run = manifest.run
    mapped = [f"--map {key}={column}" for key, column in run.mapping.items()]
    limit = [f"the first {run.limit:,} records"] if run.limit is not None else []
    return ", ".join([run.input_format, *mapped, *limit])


def _records(manifest: Manifest) -> str:
    counts = manifest.records
    earlier = f", {counts.resumed:,} of them before it was resumed" if counts.resumed else ""
    return f"{counts.total:,}, {counts.failed:,} failed{earlier}"


def _stint(stint: Stint) -> str:
    device = f" on {stint.worker.device} ({stint.worker.device_name})" if stint.worker is not None else ""
    return f"rows from {stint.first:,}: begun {stint.started}{device}"


def _file(file: FileFacts) -> str:
    if file.sha256 is None:
        return f"{'standard input' if file.path == '-' else file.path} (its content is not known)"
    return f"{file.path} (sha256 {file.sha256}, {shown_size(file.bytes or 0)})"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _weights_lines(weights: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [f"{variant}/{name} sha256 {digest}" for variant, files in weights.items() for name, digest in files.items()]


def _show_schema(title: str, schema: Any) -> None:
    """The fields of a JSON Schema; a label may hold anything."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not properties:
        return
    required = schema.get("required") or ()
    click.secho(f"\n{title}", bold=True)
    rows = [_field(name, facts, name in required) for name, facts in properties.items() if isinstance(facts, dict)]
    print_table(["NAME", "TYPE", "", "MEANING"], rows)


def _field(name: str, facts: Mapping[str, Any], is_required: bool) -> list[str]:
    kind = facts.get("format") or facts.get("type")
    if kind is None:  # `int | None`
        choices = [one.get("type", "") for one in facts.get("anyOf", ()) if isinstance(one, dict)]
        kind = " | ".join(str(one) for one in choices if one != "null")
    return [name, str(kind), "required" if is_required else "", str(facts.get("description", ""))]
