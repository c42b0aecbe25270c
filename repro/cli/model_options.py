"""The options that a model declares, as options of the shell: `repro predict MODEL --help` shows them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from repro.errors import SettingsError

if TYPE_CHECKING:
    from repro.declared import Field
    from repro.model import Model

_TYPES: Mapping[str, Any] = {
    "text": click.STRING,
    "whole number": click.INT,
    "number": click.FLOAT,
    "path": click.Path(),
}
_METAVARS = {"text": "TEXT", "whole number": "N", "number": "X", "path": "PATH"}
_NONE = "--no-"


class _JsonType(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.5
    """A value that no plain option can hold, as JSON."""

    name = "JSON"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json.loads(value)
        except ValueError as error:
            self.fail(f"{value!r} is no JSON: {error}", param, ctx)


class ModelCommand(click.Command):
    """A command whose first argument is a model, and that takes the options which that model declares.

    Attributes:
        declared: which of the model's classes are taken: `Options`, `Parameters`.
    """

    declared: tuple[str, ...] = ("Options", "Parameters")

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        name = self._model_name(args, parent)
        command = self if name is None else self._for_model(name, parent, extra)
        return super(ModelCommand, command).make_context(info_name, args, parent, **extra)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        options, *arguments = super().collect_usage_pieces(ctx)
        return [*arguments, options]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        models = [option for option in options if isinstance(option, _ModelOption)]
        self._write_section(ctx, formatter, "Options", [option for option in options if option not in models])
        if models:
            self._write_section(ctx, formatter, f"Options of {models[0].model}", models)

    def _write_section(
        self, ctx: click.Context, formatter: click.HelpFormatter, title: str, params: Sequence[click.Parameter]
    ) -> None:
        records = [record for param in params if (record := param.get_help_record(ctx)) is not None]
        if records:
            with formatter.section(title):
                formatter.write_dl(records)

    def _model_name(self, args: Sequence[str], parent: click.Context | None) -> str | None:
        """The model on a command line whose other options are not known yet: the first word that belongs to none."""
        options: list[click.Parameter] = [param for param in self.params if isinstance(param, click.Option)]
        finder = click.Command(None, params=options, context_settings={"ignore_unknown_options": True})
        ctx = click.Context(finder, parent=parent, ignore_unknown_options=True, allow_interspersed_args=False)
        ctx.resilient_parsing = True
        _, rest, _ = finder.make_parser(ctx).parse_args(list(args))
        return next((word for word in rest if not word.startswith("-")), None)

    def _for_model(self, name: str, parent: click.Context | None, extra: Mapping[str, Any]) -> ModelCommand:
        """This command with the options of that model. A name that is not known is told when the command runs."""
        from repro.errors import ModelNotFoundError
        from repro.model import Model

        try:
            model = Model.by_name(name)
        except ModelNotFoundError:
            if extra.get("resilient_parsing"):
                return self
            raise
        command = type(self)(
            self.name, callback=self.callback, help=self.help, epilog=self.epilog, options_metavar=self.options_metavar
        )
        command.declared = self.declared
        command.params = [*self.params, *self._options_of(model)]
        return command

    def _options_of(self, model: type[Model]) -> list[click.Parameter]:
        from repro.declared import fields_of

        taken = {flag for param in self.params for flag in (*param.opts, *param.secondary_opts)} | {"--help"}
        fields = [field for kind in self.declared for field in fields_of(getattr(model, kind))]
        return [option for field in fields for option in _options(model.folder_name(), field, taken)]


class _ModelOption(click.Option):
    """An option that a model declares."""

    def __init__(self, *args: Any, model: str, field: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.model = model
        self.field = field


def _options(model: str, field: Field, taken: set[str]) -> list[_ModelOption]:
    word = field.name.replace("_", "-")
    flag = f"--{word}"
    if flag in taken or f"--no-{word}" in taken:
        flag, word = f"--{model}-{word}", f"{model}-{word}"  # the command itself has an option of that name
    attribute = f"model_{field.name}"
    about: dict[str, Any] = {"model": model, "field": field.name, "help": _help(field), "required": field.is_required}
    if field.kind == "yes or no" and not field.is_list:
        return [_ModelOption([attribute, f"{flag}/{_NONE}{word}"], default=None, **about)]
    kind, metavar = _type(field)
    option = _ModelOption([attribute, flag], type=kind, multiple=field.is_list, metavar=metavar, **about)
    if not field.may_be_empty:
        return [option]
    none = _ModelOption(
        [f"{attribute}_none", f"{_NONE}{word}"], is_flag=True, model=model, field=field.name, help=f"No {word} at all."
    )
    return [option, none]


def _type(field: Field) -> tuple[Any, str | None]:
    if field.kind == "choice":
        return click.Choice(list(map(str, field.choices))), None
    return _TYPES.get(field.kind, _JsonType()), _METAVARS.get(field.kind)


def _help(field: Field) -> str:
    text = field.description[:1].upper() + field.description[1:]
    text = text if not text or text.endswith(".") else text + "."
    several = "May be given several times." if field.is_list else ""
    default = f"[default: {field.shown_default}]" if field.shown_default else ""
    return " ".join(part for part in (text, several, default) if part)


def given_options(model: type[Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """The model's options that stand on the command line, as its constructor takes them."""
    from repro.declared import fields_of

    given: dict[str, Any] = {}
    for field in [*fields_of(model.Options), *fields_of(model.Parameters)]:
        value = values.get(f"model_{field.name}")
        if values.get(f"model_{field.name}_none"):
            if value:
                raise SettingsError(f"--{field.name} and --no-{field.name} are both given", fix="give one of them")
            given[field.name] = []
        elif value is not None and value != ():
            given[field.name] = _value(field, value)
    return given


def _value(field: Field, value: Any) -> Any:
    if field.kind == "choice":
        chosen = {str(choice): choice for choice in field.choices}
        return [chosen[one] for one in value] if field.is_list else chosen[value]
    return list(value) if field.is_list else value


def make_model(model: type[Model], keywords: Mapping[str, Any], options: Mapping[str, Any]) -> Model:
    """A model with the keywords that are given (not None).

    Raises:
        SettingsError: the model's constructor, in the tutorial's classic form, does not take one.
    """
    given = {name: value for name, value in {**keywords, **options}.items() if value is not None}
    taken = inspect.signature(model).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken):
        unknown = sorted(given.keys() - {parameter.name for parameter in taken})
        if unknown:
            raise SettingsError(
                f"{model.name} takes no {unknown[0]}", fix=f"leave --{unknown[0].replace('_', '-')} out"
            )
    make: Callable[..., Model] = model
    return make(**given)
