"""`repro weights list`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from repro.cli.clean import shown_size
from repro.cli.console import Console, print_json, print_table
from repro.cli.options import json_option, verbosity
from repro.cli.weights_choice import declared_variants, folder_of, model_argument_or_all

if TYPE_CHECKING:
    from repro.config import Variant
    from repro.weights.inventory import StoredFile, StoredVariant

_HEADER = ["MODEL", "VARIANT", "FILE", "SIZE", "SHARED", "LICENCE", "SHA256"]
_NOT_HERE, _NOT_KNOWN = "-", "?"
_SHOWN_DIGITS = 12


@click.command(name="list")
@model_argument_or_all
@json_option
@verbosity
@click.pass_obj
def command(console: Console, model: str | None, variants: tuple[str, ...], as_json: bool) -> None:
    """Show the weights that are here: sizes, licences, hashes.

    Variants that are not fetched have no file. SHARED is how many other variants have the same content, which is on
    the disk once. With -v hashes are shown whole, and where each file came from.
    """
    from repro.settings import load_settings
    from repro.weights.inventory import read_inventory

    weights_dir = load_settings().weights_dir
    folder = model and folder_of(model)
    declared = {key: one for key, one in declared_variants().items() if folder in (None, key[0]) and one.files}
    here = {(one.model, one.variant): one for one in read_inventory(weights_dir) if folder in (None, one.model)}
    keys = [key for key in sorted({*declared, *here}) if not variants or key[1] in variants]
    if as_json:
        print_json([_summary(*key, declared.get(key), here.get(key)) for key in keys])
        return
    rows = [row for key in keys for row in _rows(console, *key, declared.get(key), here.get(key))]
    print_table(_HEADER, rows)
    contents = {file.sha256: file.size_bytes for key in keys if key in here for file in here[key].files}
    console.note(f"{shown_size(sum(contents.values()))} in {weights_dir}")


def _rows(
    console: Console, model: str, variant: str, declared: Variant | None, here: StoredVariant | None
) -> list[list[str]]:
    if here is None or not here.files:
        sizes = [file.size_bytes for file in declared.files] if declared is not None else []
        size = shown_size(sum(filter(None, sizes))) if sizes and None not in sizes else _NOT_KNOWN
        return [[model, variant, _NOT_HERE, size, _NOT_HERE, ", ".join(_licences(declared)) or _NOT_KNOWN, _NOT_HERE]]
    return [_row(console, here, file, declared) for file in here.files]


def _row(console: Console, here: StoredVariant, file: StoredFile, declared: Variant | None) -> list[str]:
    whole = console.level > 0
    shown = f"{file.sha256}  {file.source}".rstrip() if whole else file.sha256[:_SHOWN_DIGITS]
    shared = str(len(file.shared_with)) if file.shared_with else _NOT_HERE
    licence = _licence_of(file.name, declared) or _NOT_KNOWN
    return [here.model, here.variant, file.name, shown_size(file.size_bytes), shared, licence, shown]


def _licence_of(name: str, declared: Variant | None) -> str | None:
    files = declared.files if declared is not None else ()
    return next((file.licence for file in files if name == file.name or name.startswith(f"{file.name}/")), None)


def _licences(declared: Variant | None) -> list[str]:
    found = [file.licence for file in declared.files if file.licence] if declared is not None else []
    return list(dict.fromkeys(found))


def _summary(model: str, variant: str, declared: Variant | None, here: StoredVariant | None) -> dict[str, Any]:
    files = [{**asdict(file), "licence": _licence_of(file.name, declared)} for file in here.files] if here else []
    return {
        "model": model,
        "variant": variant,
        "fetched": bool(files),
        "declared": declared is not None,
        "folder": str(here.folder) if here else None,
        "size_bytes": here.size_bytes if here else 0,
        "shared_bytes": here.shared_bytes if here else 0,
        "licences": _licences(declared),
        "files": files,
    }
