"""A Dockerfile, read as far as a build has to know it: its instructions with their lines, its bases, what it copies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.errors import BuildError
from repro.images.dockerfile_syntax import (
    Instruction,
    expanded,
    read_escape,
    read_instructions,
    split_lines,
    split_words,
    unquoted,
)

__all__ = ["Dockerfile", "Instruction", "parse", "read_dockerfile"]

# What a builder knows without being told: https://docs.docker.com/reference/dockerfile/#predefined-args
_PREDEFINED = {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "SOURCE_DATE_EPOCH"}
_MAKES_A_STEP = ("FROM", "WORKDIR", "RUN", "COPY", "ADD")
# https://github.com/distribution/reference: host, path, tag, digest
_IMAGE = re.compile(
    r"(?:(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\])(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:\.|__?|-+|/)[a-z0-9]+)*"
    r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
_FROM_OF_MOUNT = re.compile(r"(?<=[=,\"'])from=[^,\"'\s]*")


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
        args = (i for i in self.instructions if i.keyword == "ARG")
        return tuple(dict.fromkeys(word.partition("=")[0] for i in args for word in split_words(i.arguments)))

    def unknown_args(self, given: Mapping[str, str]) -> list[str]:
        """Those of the build arguments that no `ARG` declares, and no builder knows by itself."""
        return [name for name in given if name not in self.declared_args() and name.upper() not in _PREDEFINED]

    def stands_on(self, build_args: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """The images that its stages start from, `scratch` and stages of its own left out, each once.

        Raises:
            BuildError: a FROM names no image.
        """
        return tuple(dict.fromkeys(name for name in self._froms(build_args).values() if name is not None))

    def bases(self, build_args: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """All images that it takes something from: those it stands on, and those that COPY and mounts are `from`.

        Raises:
            BuildError: a FROM, or a `from`, names no image.
        """
        taken = (name for named in self._taken_from().values() for name in named)
        return tuple(dict.fromkeys([*self.stands_on(build_args), *taken]))

    def sources(self, build_args: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """What it takes from the build context: paths and patterns of COPY, ADD and mounts. `.` is all of it."""
        found: list[str] = []
        for instruction, values in self._with_values(build_args):
            named: list[str] = []
            if instruction.keyword in ("COPY", "ADD") and instruction.flag("from") is None:
                named = _copied(instruction.arguments)
            binds = (m for m in instruction.mounts() if m.type == "bind" and "from" not in m.keys)
            named += [mount.source for mount in binds]
            found += [expanded(source, values, instruction.line, self._escape) for source in named]
        local = (source for source in found if "://" not in source and not source.startswith("git@"))
        return tuple(dict.fromkeys(source.lstrip("/") or "." for source in local))

    def with_bases(self, replaced: Mapping[str, str], build_args: Mapping[str, str] | None = None) -> str:
        """The text, with other names for some of the images that it takes something from."""
        lines = split_lines(self.text)
        for instruction, base in self._froms(build_args).items():
            if base is not None and base in replaced:
                _, *rest = instruction.arguments.split()
                named = " ".join(["FROM", *instruction.flags, replaced[base], *rest])
                lines[instruction.line - 1 : instruction.last_line] = [named] + [""] * (
                    instruction.last_line - instruction.line
                )
        for instruction, images in self._taken_from().items():
            for flag in instruction.flags:
                other = _taking_from(flag, {image: replaced[image] for image in images if image in replaced})
                if other != flag:
                    self.replace_flag(lines, instruction, flag, other)
        return "\n".join(lines) + "\n"

    def replace_flag(self, lines: list[str], instruction: Instruction, flag: str, other: str) -> None:
        """Put another text in the place of a flag of an instruction, in the lines of the file.

        Raises:
            BuildError: the flag does not stand in one line.
        """
        token = re.compile(rf"(?<!\S){re.escape(flag)}(?=\s|$|{re.escape(self._escape)}[ \t]*$)")
        for number in range(instruction.line - 1, instruction.last_line):
            match = token.search(lines[number])
            if match is not None and not lines[number].lstrip().startswith("#"):
                lines[number] = lines[number][: match.start()] + other + lines[number][match.end() :]
                return
        raise BuildError(
            f"line {instruction.line} of the Dockerfile: {flag} goes over several lines", fix="write it in one line"
        )

    def find_step(self, shown: str) -> Instruction | None:
        """The instruction that a builder's progress names: `RUN pip install -r requirements.txt`."""
        wanted = _without_mounts(shown)
        return next((i for i in self.instructions if _without_mounts(i.shown) == wanted), None)

    def nth_step(self, number: int) -> Instruction | None:
        """The n-th of the instructions that BuildKit counts, from 1, of a file with one stage."""
        steps = [i for i in self.instructions if i.keyword in _MAKES_A_STEP]
        one_stage = sum(i.keyword == "FROM" for i in steps) == 1
        return steps[number - 1] if one_stage and 0 < number <= len(steps) else None

    @property
    def _escape(self) -> str:
        return read_escape(split_lines(self.text))

    def _froms(self, build_args: Mapping[str, str] | None) -> dict[Instruction, str | None]:
        """The FROM instructions with the image that each names; None where it is a stage of the file, or nothing."""
        stages: set[str] = {"scratch"}
        found: dict[Instruction, str | None] = {}
        for instruction, values in self._with_values(build_args):
            if instruction.keyword != "FROM":
                continue
            words = instruction.arguments.split()
            name = expanded(words[0], values, instruction.line, self._escape) if words else ""
            found[instruction] = None if name.lower() in stages else _image(name, instruction)
            stages |= {stage for stage in [_stage(instruction)] if stage}
        return found

    def _taken_from(self) -> dict[Instruction, list[str]]:
        """The instructions that take something from an image that is no stage of the file, with these images."""
        froms = [i for i in self.instructions if i.keyword == "FROM"]
        stages = {"scratch", *(_stage(i) for i in froms), *(str(number) for number in range(len(froms)))}
        found: dict[Instruction, list[str]] = {}
        for instruction in self.instructions:
            flag = instruction.flag("from") if instruction.keyword == "COPY" else None
            named = [flag, *(mount.keys.get("from") for mount in instruction.mounts())]
            images = [_image(name, instruction) for name in named if name and name.lower() not in stages]
            if images:
                found[instruction] = images
        return found

    def _with_values(self, build_args: Mapping[str, str] | None) -> Iterator[tuple[Instruction, Mapping[str, str]]]:
        """Each instruction with the variables that hold there.

        What a FROM may use is declared before the first one; a stage has what it declares, and what its base has.
        """
        given = build_args or {}
        before: dict[str, str] = {}
        stages: dict[str, dict[str, str]] = {}
        values = before
        for instruction in self.instructions:
            if instruction.keyword == "FROM":
                words = instruction.arguments.split()
                yield instruction, before
                values = dict(stages.get(words[0].lower() if words else "", {}))
                stages[_stage(instruction) or str(len(stages))] = values
                continue
            yield instruction, values
            for name, value in self._set_by(instruction, values, before, given):
                values[name] = value

    def _set_by(
        self, instruction: Instruction, values: Mapping[str, str], before: Mapping[str, str], given: Mapping[str, str]
    ) -> Iterator[tuple[str, str]]:
        """What an ARG or an ENV gives values to."""
        if instruction.keyword not in ("ARG", "ENV"):
            return
        words = split_words(instruction.arguments)
        if instruction.keyword == "ENV" and words and "=" not in words[0]:
            words = [f"{words[0]}={' '.join(words[1:])}"]  # the old form, ENV NAME the rest
        for word in words:
            name, sign, default = word.partition("=")
            if instruction.keyword == "ARG" and name in given:
                yield name, given[name]
            elif sign:
                yield name, expanded(default, values, instruction.line, self._escape)
            elif name in before:
                yield name, before[name]


def read_dockerfile(folder: Path) -> Dockerfile:
    """The Dockerfile of a model's folder.

    Raises:
        BuildError: there is none, or it cannot be read.
    """
    path = folder / "Dockerfile"
    if not path.is_file():
        raise BuildError(f"{folder} has no Dockerfile", fix="see docs/adding-a-model.md")
    try:
        return parse(path.read_bytes().decode("utf-8"))  # read as text, Python would change the ends of lines
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"{path} cannot be read: {error}") from None


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile's text. What is no instruction is left to the builder to complain about."""
    return Dockerfile(text, tuple(read_instructions(text)))


def _stage(instruction: Instruction) -> str | None:
    """The name that a FROM gives its stage."""
    words = instruction.arguments.split()
    return words[2].lower() if len(words) > 2 and words[1].lower() == "as" else None


def _image(name: str, instruction: Instruction) -> str:
    if not _IMAGE.fullmatch(name):
        raise BuildError(
            f"line {instruction.line} of the Dockerfile: {instruction.shown} names no image: {name!r}",
            fix="write it like python:3.11-slim; a variable in FROM needs an ARG with a value before the first FROM",
        )
    return name


def _taking_from(flag: str, replaced: Mapping[str, str]) -> str:
    """A flag of COPY, or a mount, with another image that it is `from`."""
    if not flag.startswith(("--from=", "--mount=")):
        return flag
    if flag.startswith("--from="):
        name = unquoted(flag).removeprefix("--from=")
        return f"--from={replaced[name]}" if name in replaced else flag

    def other(match: re.Match[str]) -> str:
        name = match[0].removeprefix("from=")
        return f"from={replaced.get(name, name)}"

    return _FROM_OF_MOUNT.sub(other, flag)


def _without_mounts(shown: str) -> str:
    """A step as it is told where mounts are, and are not, part of it."""
    return " ".join(word for word in shown.split() if not word.startswith("--mount="))


def _copied(arguments: str) -> list[str]:
    """The sources of a COPY: all but the last word, in either of its two forms; here-documents left out."""
    words: Sequence[str] = arguments.split()
    if arguments.startswith("["):
        try:
            read = json.loads(arguments)
        except (ValueError, RecursionError):
            read = None
        if isinstance(read, list) and all(isinstance(word, str) for word in read):
            words = read
    return [word for word in words[:-1] if not word.startswith("<<")]
