"""The page of a model: its card, then what its wrapper, its config.yaml and its golden answers say.

It is made while the site is built, and not committed: it appears with the model, and cannot go stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from repro.cli.clean import shown_size
from repro.config import ModelConfig, Variant, WeightFile
from repro.declared import Field, fields_of
from repro.model import Model
from repro.registry import catalogue
from repro.verification.golden import Golden, GoldenCase
from repro.verification.golden_file import GOLDEN_FILE, load_golden
from scripts.docs.tables import code, prose, table

_CHECKED = re.compile(r"^(- \[[ x]\] .*)\n(?=  )", re.MULTILINE)
"""What was checked; the line below says how, and stays a line of its own."""
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?://|#|mailto:)[^)]+\)")


def documented_models() -> list[str]:
    """The names of the models that come with repro. Those of other packages have their own documents."""
    return sorted(name for name, source in catalogue.sources.items() if source.package == "repro")


def render(name: str) -> str:
    """The page of a model."""
    model = Model.by_name(name)
    parts = [_card(model.container_folder() / "README.md", name), *_reference(model)]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def render_overview(names: list[str]) -> str:
    """The page that lists the models."""
    rows = []
    for name in names:
        config = Model.by_name(name).config()
        variants = str(len(config.variants)) if config.variants else "-"
        rows.append([f"[{name}]({name}.md)", prose(config.description), variants, prose(config.licence or "")])
    head = "# Models\n\nEach runs in an environment of its own; `repro setup MODEL` makes it ready."
    tail = "[Adding a model](../adding-a-model.md) shows how to add one, here or in a package of your own."
    return f"{head}\n\n{table(['model', 'what it does', 'variants', 'licence'], rows)}\n\n{tail}\n"


def _card(path: Path, name: str) -> str:
    """The model card. Its links lead into the repository, which the site has not: their text stays."""
    text = path.read_text(encoding="utf-8") if path.is_file() else f"# {name}\n"
    return _CHECKED.sub(r"\1  \n", _LINK.sub(r"\1", text))


def _reference(model: type[Model]) -> Iterator[str]:
    config = model.config()
    yield "## Reference"
    yield (
        f"As the code has it: `{model.__module__}.{model.__qualname__}` and `config.yaml`. "
        f"The image is `{model.default_image}`; the licence: {config.licence or 'see above'}."
    )
    for title, declared, said in (
        ("Keys of a record", model.Inputs, ""),
        ("Keys of a result", model.Outputs, "What a worker answers for a record."),
        ("Options of a worker", model.Options, "Fixed when it starts: keywords of the class, options in the shell."),
        ("Parameters of a call", model.Parameters, "Keywords of the class and of each call, options in the shell."),
        (
            "Hyper-parameters of a training",
            model.Hyperparameters,
            "`repro train -p NAME=VALUE`, a card, or `hyper_params=`; options and parameters count among them.",
        ),
    ):
        fields = fields_of(declared)
        if fields:
            yield from (f"### {title}", said, _fields(fields, with_default=declared is not model.Outputs))
    if config.variants:
        yield from _variants(config, model.container_folder())
    golden = _golden(model.container_folder())
    if golden is not None:
        yield from _golden_answers(model, golden)


def _fields(fields: list[Field], *, with_default: bool) -> str:
    header = ["name", "type", *(["default"] if with_default else []), "meaning"]
    rows = []
    for field in fields:
        default = ["required" if field.is_required else code(field.shown_default)] if with_default else []
        rows.append([code(field.name), prose(field.shown_type), *default, prose(field.description)])
    return table(header, rows)


def _variants(config: ModelConfig, folder: Path) -> Iterator[str]:
    variants = list(config.variants.values())
    facts = list(dict.fromkeys(key for variant in variants for key in variant.info))
    yield "### Variants"
    header = ["variant", "what it is", *(fact.replace("_", " ") for fact in facts)]
    yield table(
        header, ([_named(variant, config), prose(variant.description), *_facts(variant, facts)] for variant in variants)
    )
    if any(variant.files for variant in variants):
        yield "### Files of weights"
        yield "A hash that is not stated here is recorded when the file is first fetched, and held ever after."
        header = ["variant", "file", "size", "SHA-256", "licence", "from"]
        yield _filled(header, [_file(folder, variant, file) for variant in variants for file in variant.files])
    else:
        yield "The weights come with the model's packages: nothing is fetched."


def _named(variant: Variant, config: ModelConfig) -> str:
    return code(variant.name) + (" (default)" if variant.name == config.default_variant else "")


def _facts(variant: Variant, names: list[str]) -> list[str]:
    return [prose(str(variant.info.get(name, ""))) for name in names]


def _file(folder: Path, variant: Variant, file: WeightFile) -> list[str]:
    return [
        code(variant.name),
        code(file.name) + (" (optional)" if file.optional else ""),
        "" if file.size_bytes is None else shown_size(file.size_bytes),
        f'<code class="hash">{file.sha256}</code>' if file.sha256 else "",
        prose(file.licence or ""),
        _source(folder, file.url),
    ]


def _source(folder: Path, address: str) -> str:
    if address.startswith("https:"):
        return f"[{urlsplit(address).netloc}]({address})"
    beside = f"{folder.resolve().as_uri()}/"
    return code(f"file:{address.removeprefix(beside)}" if address.startswith(beside) else address)


def _golden(folder: Path) -> Golden | None:
    golden = folder / "tests" / "golden"
    return load_golden(golden) if (golden / GOLDEN_FILE).is_file() else None


def _golden_answers(model: type[Model], golden: Golden) -> Iterator[str]:
    cases = list(golden.cases.values())
    yield "### Golden answers"
    yield f"`repro verify {model.folder_name()}` runs these records here and compares the answers with these."
    header = ["case", "records", "variant", "held against", "made", "tolerance on a CPU"]
    origins = {(_held_against(case), _made(case)) for case in cases}
    if len(origins) == 1:
        against, made = origins.pop()
        yield f"Made on {made}. Held against {against}."
        header = [title for title in header if title not in ("held against", "made")]
    yield _filled(header, [_case(case, header) for case in cases])


def _case(case: GoldenCase, header: list[str]) -> list[str]:
    failing = f" and {len(case.errors)} that must fail" if case.errors else ""
    cells = {
        "case": code(case.name) + (" (slow)" if case.is_slow else ""),
        "records": f"{len(case.records)}{failing}",
        "variant": code(case.variant or ""),
        "held against": _held_against(case),
        "made": _made(case),
        "tolerance on a CPU": _tolerance(case.tolerance),
    }
    return [cells[title] for title in header]


def _held_against(case: GoldenCase) -> str:
    against = case.held_against
    named = f"[{prose(against.name)}]({against.address})" if against.address else prose(against.name)
    return f"{named}: {prose(against.how)}" if against.how else named


def _made(case: GoldenCase) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in case.made.versions.items())
    return prose(f"{case.made.date}, {case.made.device}, with {versions}")


def _tolerance(tolerance: Mapping[str, object]) -> str:
    said = {name: str(one["cpu"] if isinstance(one, Mapping) else one) for name, one in tolerance.items()}
    if len(said) > 1 and len(set(said.values())) == 1:
        return f"{next(iter(said.values()))} in {', '.join(map(code, said))}"
    return "<br>".join(f"{one} in {code(name)}" for name, one in said.items()) or "exact"


def _filled(header: list[str], rows: list[list[str]]) -> str:
    """A table without the columns in which nothing stands."""
    kept = [number for number in range(len(header)) if any(row[number] for row in rows)]
    return table([header[number] for number in kept], ([row[number] for number in kept] for row in rows))
