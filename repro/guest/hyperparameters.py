"""Hyper-parameters: options of run.py that a model card, SageMaker's file or the command line may set.

The command line goes before the file, the file before the card, the card before the default. `_` and `-` are alike.
"""

import difflib
import json

SAGEMAKERS_OWN = "sagemaker_"  # what its Python package adds for itself


class OptionError(Exception):
    """An option, or a hyper-parameter, is not known or has a value that does not fit."""


class Source:
    """Some hyper-parameters, and where they are from."""

    def __init__(self, name, values, settable):
        self.name = name  # for what errors say
        self.values = values
        self.settable = settable  # by destination: the parser's actions that it may set


def read_file(path):
    """The hyper-parameters in a file of SageMaker's: a JSON object. Raises OptionError."""
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except (OSError, ValueError) as error:
        raise OptionError("cannot read the hyper-parameters %s: %s" % (path, error)) from None
    if not isinstance(values, dict):
        raise OptionError("the hyper-parameters %s are no JSON object" % path)
    return {name: value for name, value in values.items() if not _plain(name).startswith(SAGEMAKERS_OWN)}


def settable(parser, but=()):
    """The actions of a parser that take a value or are a flag, by destination; without those in `but`."""
    actions = [action for action in parser._actions if action.option_strings and action.dest not in ("help",)]
    return {action.dest: action for action in actions if action.dest not in but}


def command_line(sources, ignored):
    """The words that sources, the weakest first, come to, and what of them was ignored: (words, names).

    Args:
        sources: list of Source.
        ignored: names that the model knows to have no meaning for it.

    Raises:
        OptionError: a name that is not known, with the near and the known ones; a value that no option can hold.
    """
    chosen, passed_over = {}, []
    for source in sources:
        for name, value in source.values.items():
            if _plain(name) in map(_plain, ignored):
                passed_over.append(name)
                continue
            action = _action(source, name)
            chosen[action.dest] = (action, value, "%s: %s" % (source.name, name))
    words = []
    for action, value, where in chosen.values():
        words += _words(action, value, where)
    return words, passed_over


def _action(source, name):
    by_name = {}
    for dest, action in source.settable.items():
        by_name[dest] = action
        for option in action.option_strings:
            by_name[_plain(option.lstrip("-"))] = action
    action = by_name.get(_plain(name))
    if action is not None:
        return action
    near = difflib.get_close_matches(_plain(name), by_name, n=1)
    hint = " (did you mean %s?)" % near[0] if near else ""
    known = ", ".join(sorted(source.settable)) or "none"
    raise OptionError(
        "%s has the hyper-parameter %r, which is not known%s; known are: %s" % (source.name, name, hint, known)
    )


def _plain(name):
    return str(name).replace("-", "_")


def _words(action, value, where):
    """A value as somebody would type it; none where it says that nothing is chosen."""
    option = max(action.option_strings, key=len)
    value = _decoded(value)
    if value is None:
        return []
    if action.nargs == 0:
        return [option] if _truth(value, where) == (action.const is not False) else []
    if isinstance(action.nargs, int) or action.nargs in ("*", "+"):
        values = _list(value, where)
        return [option] + [_word(one, where) for one in values]
    return ["%s=%s" % (option, _word(value, where))]


def _decoded(value):
    """A value whose text is JSON, as SageMaker's own package writes texts; `None` and `null` say nothing."""
    if not isinstance(value, str):
        return value
    if value in ("None", "null"):
        return None
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _truth(value, where):
    said = str(value).strip().lower()
    if said not in ("true", "false", "1", "0"):
        raise OptionError("%s is true or false, not %r" % (where, value))
    return said in ("true", "1")


def _list(value, where):
    """Several values: a list, its JSON, or one alone."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise OptionError("%s is no list: %s" % (where, error)) from None
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _word(value, where):
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value)
    if value is None:
        raise OptionError("%s has an empty value among others" % where)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
