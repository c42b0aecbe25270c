"""The YAML between two lines `---` at the beginning of a Markdown file."""

import re

from .errors import CardError

_FENCE = re.compile(r"---[ \t]*\n")
_END = re.compile(r"^(---|\.\.\.)[ \t]*$", re.MULTILINE)
# Numbers and truth values as YAML 1.2 and TOML have them. PyYAML has 1.1, where 1e-3 is text and `no` is false.
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$")
_INT = re.compile(r"[-+]?[0-9]+$|0o[0-7]+$|0x[0-9a-fA-F]+$")
_MERGE = "tag:yaml.org,2002:merge"  # `<<: *other`, which may be overridden
_BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)$")


def load_front_matter(text, where):
    """The front matter as a dict. Raises CardError where there is none, or it is none."""
    start = _FENCE.match(text)
    if start is None:
        raise CardError(
            "%s has no front matter: its first line is not ---" % where,
            "begin the file with lines ---, name: my-model, ---",
        )
    end = _END.search(text, start.end())
    if end is None:
        raise CardError("%s: its front matter has no end" % where, "add a line --- below it")
    content = _load(text[start.end() : end.start()], where)
    if not isinstance(content, dict):
        raise CardError("%s: its front matter is no table of names and values" % where, "add name: my-model")
    return content


def _load(text, where):
    try:
        import yaml  # not in every container
    except ModuleNotFoundError:
        raise CardError("%s cannot be read: PyYAML is not installed here" % where, "pip install PyYAML") from None
    try:
        return yaml.load(text, _loader())  # noqa: S506 (a SafeLoader with other numbers)
    except RecursionError:
        raise CardError("%s cannot be read: it is nested too deeply" % where) from None
    except ValueError as error:  # a day that is in no calendar, a number of thousands of digits
        raise CardError("%s: %s" % (where, error)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = ", line %d" % (mark.line + 2) if mark else ""
        raise CardError("%s%s: %s" % (where, line, getattr(error, "problem", None) or error)) from None


def _loader():
    import yaml

    class Loader(yaml.SafeLoader):
        """SafeLoader with the numbers of YAML 1.2, that refuses a key given twice."""

        def construct_mapping(self, node, deep=False):
            keys = []
            for key, _ in node.value:
                if key.tag != _MERGE:
                    keys.append(self.construct_object(key, deep=True))
                    if keys[-1] in keys[:-1]:
                        problem = "%r is given twice" % (keys[-1],)
                        raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            return super().construct_mapping(node, deep)

    changed = ("bool", "int", "float")
    Loader.yaml_implicit_resolvers = {
        sign: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] not in changed]
        for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOL, list("tTfF"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
    Loader.add_constructor("tag:yaml.org,2002:int", _int)
    Loader.add_constructor("tag:yaml.org,2002:float", _float)
    return Loader


def _int(loader, node):
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


def _float(loader, node):
    text = loader.construct_scalar(node).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))
