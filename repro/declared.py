"""What a model declares with pydantic (inputs, outputs, options, parameters), field by field: for help texts, the
shell, the labels of its image and its page in the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.fields import FieldInfo


class Array:
    """The type of a numpy array among a model's `Outputs`; the field's description gives its shape and dtype.

    >>> from pydantic import BaseModel, Field
    >>> class Outputs(BaseModel):
    ...     embedding: Array = Field(description="(D,) float32: the mean over the residues")
    >>> schema_document(Outputs)["properties"]["embedding"]["format"]
    'npy'
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        from pydantic_core import core_schema

        return core_schema.any_schema()

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "array", "format": "npy"}


Kind = Literal["text", "whole number", "number", "yes or no", "path", "choice", "array", "JSON"]
_KINDS: dict[object, Kind] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "yes or no",
    Path: "path",
    Array: "array",
}


@dataclass(frozen=True)
class Field:
    """One field that a model declares.

    >>> from pydantic import BaseModel
    >>> class Parameters(BaseModel):
    ...     pooling: Literal["mean", "none"] = "mean"
    ...     layers: list[int] = [-1]
    >>> [(field.name, field.shown_type, field.default) for field in fields_of(Parameters)]
    [('pooling', 'mean | none', 'mean'), ('layers', 'list of whole number', [-1])]
    """

    name: str
    kind: Kind
    choices: tuple[Any, ...]
    is_list: bool
    may_be_empty: bool
    """Whether an empty list will do."""
    is_required: bool
    default: Any
    """None where there is none."""
    description: str

    @property
    def shown_type(self) -> str:
        """The type as a person reads it."""
        one = " | ".join(map(str, self.choices)) if self.choices else self.kind
        return f"list of {one}" if self.is_list else one

    @property
    def shown_default(self) -> str:
        """The default as it is typed in a shell; empty where there is none."""
        if self.default is None:
            return ""
        values = self.default if isinstance(self.default, (list, tuple)) else [self.default]
        shown = ["yes" if value is True else "no" if value is False else str(value) for value in values]
        return ", ".join(shown) if shown else "none"


def fields_of(declared: type[BaseModel] | None) -> list[Field]:
    """The fields of a model's `Inputs`, `Outputs`, `Options` or `Parameters`, in their order."""
    return [] if declared is None else [_field(name, info) for name, info in declared.model_fields.items()]


def schema_document(declared: type[BaseModel] | None) -> dict[str, Any]:
    """The JSON Schema of what a model declares; empty where it declares nothing."""
    return {} if declared is None else declared.model_json_schema()


def _field(name: str, info: FieldInfo) -> Field:
    annotation = _without_none(info.annotation)
    is_list = get_origin(annotation) is list
    one = get_args(annotation)[0] if is_list else annotation
    choices: Sequence[Any] = get_args(one) if get_origin(one) is Literal else ()
    shortest = max((getattr(constraint, "min_length", 0) or 0 for constraint in info.metadata), default=0)
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    return Field(
        name=name,
        kind="choice" if choices else _KINDS.get(one, "JSON"),
        choices=tuple(choices),
        is_list=is_list,
        may_be_empty=is_list and shortest == 0,
        is_required=info.is_required(),
        default=default,
        description=info.description or "",
    )


def _without_none(annotation: Any) -> Any:
    """`int` for `int | None`."""
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation
