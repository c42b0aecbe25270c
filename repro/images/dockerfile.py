"""A Dockerfile, read as far as a build has to know it: its instructions with their lines, its bases, what it copies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from repro.errors import BuildError

_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*")
_FLAG = re.compile(r"--([\w-]+)(?:=(\S*))?(?:\s+|$)")
_HEREDOC = re.compile(r"<<-?\s*([\"']?)(\w+)\1")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")
# What a builder knows without being told: https://docs.docker.com/reference/dockerfile/#predefined-args
_PREDEFINED = {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "SOURCE_DATE_EPOCH"}
_HAS_HEREDOCS = ("RUN", "COPY", "ADD")
_MAKES_A_STEP = ("FROM", "WORKDIR", "RUN", "COPY", "ADD")


@dataclass(frozen=True)
class Instruction:
    """One instruction, continued lines joined."""

    keyword: str
    """In capitals: `RUN`."""
    flags: tuple[str, ...]
    """`--from=build`, as they are written."""
    arguments: str
    """The rest, in one line."""
    line: int
    """Where it begins, from 1."""
    last_line: int

    @property
    def shown(self) -> str:
        """The instruction in one line, as builders name it in their progress."""
        return " ".join(f"{self.keyword} {' '.join(self.flags)} {self.arguments}".split())

    def flag(self, name: str) -> str | None:
        """The value of a flag; None where it is not given."""
        given = (flag.partition("=") for flag in self.flags)
        return next((value for flag, _, value in given if flag == f"--{name}"), None)


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile that was read.

    >>> file = parse("ARG TAG=3.11\\nFROM python:${TAG}-slim AS base\\nCOPY src/run.py run.py\\n")
    >>> file.bases(), file.sources()
    (('python:3.11-slim',), ('src/run.py',))
    """

    text: str
    instructions: tuple[Instruction, ...]

    def declared_args(self) -> tuple[str, ...]:
        """Names of all `ARG`s, each once, in order."""
        names = (
            word.partition("=")[0] for i in self.instructions if i.keyword == "ARG" for word in _words(i.arguments)
        )
        return tuple(dict.fromkeys(names))

    def unknown_args(self, given: Mapping[str, str]) -> list[str]:
        """Those of the build arguments that no `ARG` declares, and no builder knows by itself."""
        return [name for name in given if name not in self.declared_args() and name.upper() not in _PREDEFINED]

    def bases(self, build_args: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """The images that it starts from, stages of its own and `scratch` left out, each once."""
        return tuple(dict.fromkeys(name for name in self._froms(build_args).values() if name is not None))

    def sources(self, build_args: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """What it takes from the build context: paths and patterns of COPY, ADD and mounts. `.` is all of it."""
        values = self._values(build_args)
        found: list[str] = []
        for instruction in self.instructions:
            if instruction.keyword in ("COPY", "ADD") and instruction.flag("from") is None:
                found += [_expanded(source, values) for source in _copied(instruction.arguments)]
            if instruction.keyword == "RUN":
                found += [_expanded(source, values) for source in _mounted(instruction.flags)]
        local = (source for source in found if "://" not in source and not source.startswith("git@"))
        return tuple(dict.fromkeys(source.lstrip("/") or "." for source in local))

    def with_bases(self, replaced: Mapping[str, str], build_args: Mapping[str, str] | None = None) -> str:
        """The text, with other names for some of the images that it starts from."""
        lines = self.text.splitlines()
        for instruction, base in self._froms(build_args).items():
            if base is not None and base in replaced:
                _, *rest = instruction.arguments.split()
                named = " ".join(["FROM", *instruction.flags, replaced[base], *rest])
                lines[instruction.line - 1 : instruction.last_line] = [named] + [""] * (
                    instruction.last_line - instruction.line
                )
        return "\n".join(lines) + "\n"

    def find_step(self, shown: str) -> Instruction | None:
        """The instruction that a builder's progress names: `RUN pip install -r requirements.txt`."""
        wanted = _without_mounts(shown)
        return next((i for i in self.instructions if _without_mounts(i.shown) == wanted), None)

    def nth_step(self, number: int) -> Instruction | None:
        """The n-th of the instructions that BuildKit counts, from 1, of a file with one stage."""
        steps = [i for i in self.instructions if i.keyword in _MAKES_A_STEP]
        one_stage = sum(i.keyword == "FROM" for i in steps) == 1
        return steps[number - 1] if one_stage and 0 < number <= len(steps) else None

    def _froms(self, build_args: Mapping[str, str] | None) -> dict[Instruction, str | None]:
        """The FROM instructions with the image that each names; None where it is a stage of the file, or nothing."""
        values = self._values(build_args)
        stages: set[str] = {"scratch"}
        found: dict[Instruction, str | None] = {}
        for instruction in self.instructions:
            if instruction.keyword != "FROM":
                continue
            words = instruction.arguments.split()
            name = _expanded(words[0], values) if words else ""
            found[instruction] = None if name.lower() in stages else name
            if len(words) > 2 and words[1].lower() == "as":
                stages.add(words[2].lower())
        return found

    def _values(self, build_args: Mapping[str, str] | None) -> dict[str, str]:
        values: dict[str, str] = {}
        for instruction in self.instructions:
            if instruction.keyword == "ARG":
                for word in _words(instruction.arguments):
                    name, _, default = word.partition("=")
                    if default:
                        values[name] = _expanded(default, values)
        return {**values, **(build_args or {})}


def read_dockerfile(folder: Path) -> Dockerfile:
    """The Dockerfile of a model's folder.

    Raises:
        BuildError: there is none, or it cannot be read.
    """
    path = folder / "Dockerfile"
    if not path.is_file():
        raise BuildError(f"{folder} has no Dockerfile", fix="see docs/adding-a-model.md")
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"{path} cannot be read: {error}") from None


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile's text. What is no instruction is left to the builder to complain about."""
    lines = text.splitlines()
    escape = _escape(lines)
    found: list[Instruction] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        begin, words = at, ""
        while at < len(lines):
            line = lines[at]
            at += 1
            if line.lstrip().startswith("#") or (words and not line.strip()):
                continue  # a comment, or an empty line, within an instruction that goes on
            stripped = line.rstrip()
            goes_on = stripped.endswith(escape)
            words += stripped[:-1] if goes_on else stripped
            if not goes_on:
                break
        instruction = _instruction(words, begin + 1, at)
        at = _after_heredocs(instruction, lines, at)
        found.append(replace(instruction, last_line=at))
    return Dockerfile(text, tuple(found))


def _without_mounts(shown: str) -> str:
    """A step as it is told where mounts are, and are not, part of it."""
    return " ".join(word for word in shown.split() if not word.startswith("--mount="))


def _escape(lines: Sequence[str]) -> str:
    for line in lines:
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive is None:
            break
        if directive[1].lower() == "escape":
            return directive[2]
    return "\\"


def _instruction(words: str, line: int, last_line: int) -> Instruction:
    keyword, _, rest = words.strip().partition(" ")
    rest = rest.strip()
    flags: list[str] = []
    while match := _FLAG.match(rest):
        flags.append(match[0].strip())
        rest = rest[match.end() :]
    return Instruction(keyword.upper(), tuple(flags), " ".join(rest.split()), line, last_line)


def _after_heredocs(instruction: Instruction, lines: Sequence[str], at: int) -> int:
    """The first line behind the here-documents of an instruction."""
    if instruction.keyword not in _HAS_HEREDOCS:
        return at
    for _, end in _HEREDOC.findall(instruction.arguments):
        following = (number for number in range(at, len(lines)) if lines[number].strip() == end)
        at = next(following, len(lines) - 1) + 1
    return at


def _copied(arguments: str) -> list[str]:
    """The sources of a COPY: all but the last word, in either of its two forms; here-documents left out."""
    words: list[str]
    try:
        words = json.loads(arguments) if arguments.startswith("[") else arguments.split()
    except ValueError:
        words = arguments.split()
    return [word for word in words[:-1] if not word.startswith("<<")]


def _mounted(flags: Sequence[str]) -> list[str]:
    """What `RUN --mount=type=bind` takes from the context."""
    found = []
    for flag in flags:
        if flag.startswith("--mount="):
            keys = dict(part.partition("=")[::2] for part in flag.removeprefix("--mount=").split(","))
            if keys.get("type", "bind") == "bind" and "from" not in keys:
                found.append(keys.get("source") or keys.get("src") or ".")
    return found


def _words(arguments: str) -> list[str]:
    return [
        word.replace('"', "").replace("'", "") for word in re.findall(r"(?:[^\s\"']|\"[^\"]*\"|'[^']*')+", arguments)
    ]


def _expanded(text: str, values: Mapping[str, str]) -> str:
    """`text` with variables replaced; one that is not known stays as it is written."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return values.get(name) or (match[3] if match[3] is not None else values.get(name, match[0]))

    return _VARIABLE.sub(value, text)
