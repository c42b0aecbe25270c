"""Checking records and options on the host, before anything starts, against what a model declares with pydantic."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from repro.errors import RecordError, SettingsError

if TYPE_CHECKING:
    from pydantic import BaseModel, TypeAdapter
    from pydantic_core import ErrorDetails


class RecordSchema:
    """The schema of a model's records: strict about types, and unknown keys are refused.

    >>> from pydantic import BaseModel
    >>> class Inputs(BaseModel):
    ...     sequence: str
    >>> RecordSchema(Inputs).check([{"sequence": "MKT"}, {"sequnce": "MKT"}], first=0)
    Traceback (most recent call last):
    ...
    repro.errors.RecordError: record 1: the key 'sequence' is missing; the key 'sequnce' is not known
    do: give each record these keys: sequence
    """

    def __init__(self, inputs: type[BaseModel]) -> None:
        self.keys = tuple(inputs.model_fields)
        self.types = {name: info.annotation for name, info in inputs.model_fields.items()}
        self._adapter = _adapter(inputs)

    def check(self, records: Sequence[Mapping[str, Any]], first: int) -> None:
        """Raise RecordError for the first record that does not fit; `first` is the index of `records[0]`."""
        from pydantic import ValidationError

        try:
            self._adapter.validate_python(records)
        except ValidationError as error:
            raise self._record_error(error.errors(include_url=False), first) from None

    @property
    def _keys_hint(self) -> str:
        return f"give each record these keys: {', '.join(self.keys)}"

    def _record_error(self, details: list[ErrorDetails], first: int) -> RecordError:
        place = details[0]["loc"][0] if details[0]["loc"] else 0
        mine = [detail for detail in details if detail["loc"][:1] == (place,)]
        # What is missing comes before what is too much: the one is often the other, misspelt.
        mine.sort(key=lambda detail: detail["type"] != "missing")
        index = first + int(place)
        keys = [str(detail["loc"][1]) for detail in mine if len(detail["loc"]) > 1]
        said = "; ".join(_said(detail) for detail in mine)
        has_all_keys = bool(keys) and all(detail["type"] not in ("missing", "extra_forbidden") for detail in mine)
        fix = "correct it, or leave the record out" if has_all_keys else self._keys_hint
        return RecordError(f"record {index}: {said}", index=index, key=keys[0] if keys else None, fix=fix)


def _adapter(inputs: type[BaseModel]) -> TypeAdapter[Any]:
    from pydantic import ConfigDict, TypeAdapter
    from typing_extensions import NotRequired, TypedDict

    strict = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)
    decorators = inputs.__pydantic_decorators__
    if decorators.field_validators or decorators.model_validators or decorators.validators:
        checked = type(inputs.__name__, (inputs,), {"model_config": strict, "__module__": __name__})
        return TypeAdapter(list[checked])  # type: ignore[valid-type]
    # Plain fields are checked five times as fast when no object is made of each record.
    fields: dict[str, Any] = {}
    for name, info in inputs.model_fields.items():
        kind = _annotated(info.annotation, info.metadata)
        fields[name] = kind if info.is_required() else NotRequired[kind]
    make_typed_dict: Any = TypedDict  # a type checker knows only the form with fields that are written out
    record = make_typed_dict(inputs.__name__, fields)
    record.__pydantic_config__ = strict
    return TypeAdapter(list[record])  # type: ignore[valid-type]


def _annotated(kind: Any, metadata: list[Any]) -> Any:
    from typing import Annotated

    for constraint in metadata:
        kind = Annotated[kind, constraint]
    return kind


def _said(detail: ErrorDetails) -> str:
    place = ".".join(str(part) for part in detail["loc"][1:])
    if detail["type"] == "missing":
        return f"the key {place!r} is missing"
    if detail["type"] == "extra_forbidden":
        return f"the key {place!r} is not known"
    shown = repr(detail.get("input"))
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    said = detail["msg"][0].lower() + detail["msg"][1:]
    return f"the key {place!r}: {said}, not {shown}" if place else f"{said}, not {shown}"


def check_options(
    model: str, declared: Sequence[type[BaseModel] | None], given: Mapping[str, Any], also: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Sort options into the classes that declare them, checked; one dict a class, with its defaults filled in.

    `also` are further names that a caller may have meant.

    Raises:
        SettingsError: an option that no class declares (names near ones), or a value that does not fit.
    """
    known = {name for kind in declared if kind is not None for name in kind.model_fields}
    unknown = [name for name in given if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], [*known, *also], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or 'none'}"
        raise SettingsError(f"{model} has no option {unknown[0]!r}", fix=hint)
    return [_checked(model, kind, given) for kind in declared]


def _checked(model: str, kind: type[BaseModel] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    if kind is None:
        return {}
    try:
        values = kind.model_validate({name: value for name, value in given.items() if name in kind.model_fields})
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in detail["loc"])
        said = f"{model}: the option {name!r}: {detail['msg']}, not {detail.get('input')!r}"
        field = kind.model_fields.get(str(detail["loc"][0]))
        meaning = f"{name} is: {field.description}; all: " if field is not None and field.description else ""
        raise SettingsError(said, fix=f"{meaning}repro info {model}") from None
    return values.model_dump(mode="json")
