"""TOML: read with what the interpreter has, written with the few lines that manifests need."""

import importlib
import json


def load_toml(text, error, where):
    """The content of a TOML text. Raises `error`, naming `where`, for what is no TOML."""
    toml = _reader(error, where)
    try:
        return toml.loads(text)
    except ValueError as reason:  # TOMLDecodeError, and what Python says of a number of thousands of digits
        raise error("%s is no TOML: %s" % (where, reason)) from None
    except RecursionError:
        raise error("%s is no TOML that can be read: it is nested too deeply" % where) from None


def _reader(error, where):
    for name in ("tomllib", "tomli"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise error("%s cannot be read: this Python is older than 3.11 and has no tomli" % where, "pip install tomli")


def dump_toml(content):
    """A dict as TOML text: plain values first, then tables, and lists of tables as such. None is left out.

    >>> print(dump_toml({"name": "x", "meta": {"rows": 3}, "assays": [{"name": "a"}]}), end="")
    name = "x"
    <BLANKLINE>
    [meta]
    rows = 3
    <BLANKLINE>
    [[assays]]
    name = "a"
    """
    return "".join(line + "\n" for line in _table(content, ()))


def _table(content, path):
    tables = {}
    for key, value in content.items():
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            tables[key] = value
        elif value is not None:
            yield "%s = %s" % (_key(key), _value(value))
    for key, value in tables.items():
        name = ".".join(map(_key, path + (key,)))
        for one in value if isinstance(value, list) else [value]:
            yield ""
            yield "[[%s]]" % name if isinstance(value, list) else "[%s]" % name
            yield from _table(one, path + (key,))


def _key(key):
    bare = key and all(sign.isalnum() or sign in "_-" for sign in key) and key.isascii()
    return key if bare else _value(key)


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(_value(one) for one in value)
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s = %s" % (_key(key), _value(one)) for key, one in value.items())
    if isinstance(value, float):
        return repr(value)  # also nan and inf
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
