"""Data sets that come with repro. README.md beside says where they are from, and under which licence."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = ("A4_HUMAN_Seuma_2021",)


def example_path(name: str) -> Path:
    """The file of an example.

    >>> example_path("A4_HUMAN_Seuma_2021").is_file()
    True

    Raises:
        KeyError: there is none of that name; `find_dataset` says so in words.
    """
    if name not in EXAMPLES:
        raise KeyError(name)
    return Path(__file__).parent / f"{name}.pgdata"
