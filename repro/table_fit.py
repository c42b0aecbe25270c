"""Whether what a model gives fits into the cells of a CSV or TSV, as far as what it declares tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from repro.declared import Field, fields_of
from repro.errors import OutputError

if TYPE_CHECKING:
    from repro.model import Model

_TABLES = ("csv", "tsv")


def check_fits(model: Model, output_format: str) -> None:
    """Refuse a table for a model that is certain to give an array: it would be told only after the first batch.

    Raises:
        OutputError: an output that is always there is an array, or all outputs are.
    """
    fields = fields_of(model.Outputs)
    if output_format not in _TABLES or not fields:
        return
    always = [field.name for field in fields if field.kind == "array" and field.is_required]
    if always or all(field.kind == "array" for field in fields):
        told = always or [field.name for field in fields]
        raise OutputError(
            f"{model.name} gives arrays ({', '.join(told)}), and an array does not fit into a cell of a table",
            fix="choose an output that ends in .parquet, .npz or .jsonl",
        )


def what_fits(model: Model, output_format: str) -> str:
    """What to ask a model for so that a table can hold it; empty where it does not declare what it gives."""
    if output_format not in _TABLES:
        return ""
    names = [field.name for field in fields_of(model.Outputs) if field.kind not in ("array", "JSON")]
    switches = [switch for field in fields_of(model.Parameters) if (switch := _switch(field, model.options))]
    if not (names and switches):
        return ""
    return f"ask {model.folder_name()} only for what fits ({', '.join(names)}) with its options: {' '.join(switches)}"


def _switch(field: Field, chosen: Mapping[str, Any]) -> str:
    """The option that turns a parameter to what it is not now; empty where it is none that can be turned."""
    option, value = field.name.replace("_", "-"), chosen.get(field.name)
    if field.kind == "yes or no":
        return f"--no-{option}" if value else f"--{option}"
    return f"--no-{option}" if field.may_be_empty and value else ""
