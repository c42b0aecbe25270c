"""The list of models in the README."""

from __future__ import annotations

import re

_TABLE = re.compile(r"(?<=^\|---\|---\|---\|\n)(?:^\|.*\n)+", re.MULTILINE)
_SECTION = "\n## Models\n"


def with_model(readme: str, name: str, description: str, weights: str) -> str:
    r"""The README with a row for a model, in order; as it is where it has no such table.

    >>> table = "\n## Models\n\n| model | what it does | weights |\n|---|---|---|\n| `esm` | embeds | fetched |\n"
    >>> print(with_model(table, "abc", "counts", "none").strip())
    ## Models
    <BLANKLINE>
    | model | what it does | weights |
    |---|---|---|
    | `abc` | counts | none |
    | `esm` | embeds | fetched |
    """
    before, heading, after = readme.partition(_SECTION)
    section, next_heading, rest = after.partition("\n## ")
    rows = _TABLE.search(section)
    if rows is None:
        return readme
    row = f"| `{name}` | {description} | {weights} |\n"
    listed = sorted([*rows[0].splitlines(keepends=True), row])
    section = section[: rows.start()] + "".join(listed) + section[rows.end() :]
    return before + heading + section + next_heading + rest
