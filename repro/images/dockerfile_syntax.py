"""The grammar of Dockerfiles: lines, instructions, flags, variables, as BuildKit reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from repro.errors import BuildError

_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*")
_FLAG = re.compile(r"--(?:[^\s\"'\\]|\\.|\"[^\"]*\"|'[^']*')+(?:\s+|$)")
_WORD = re.compile(r"(?:[^\s\"'\\]|\\.|\"(?:[^\"\\]|\\.)*\"|'[^']*'|[\"'\\])+")
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)")
_NAME = re.compile(r"\w+")
_HAS_HEREDOCS = ("RUN", "COPY", "ADD")


@dataclass(frozen=True)
class Instruction:
    """One instruction, continued lines joined."""

    keyword: str
    """In capitals: `RUN`."""
    flags: tuple[str, ...]
    """`--from=build`, as they are written."""
    arguments: str
    """The rest, in one line; without the content of here-documents."""
    line: int
    """Where it begins, from 1."""
    last_line: int

    @property
    def shown(self) -> str:
        """The instruction in one line, as builders name it in their progress."""
        return " ".join(f"{self.keyword} {' '.join(self.flags)} {self.arguments}".split())

    def flag(self, name: str) -> str | None:
        """The value of a flag; None where it is not given."""
        given = (unquoted(flag).partition("=") for flag in self.flags)
        return next((value for flag, _, value in given if flag == f"--{name}"), None)

    @property
    def heredocs(self) -> tuple[tuple[str, bool], ...]:
        """The here-documents that follow: what ends each, and whether tabs may stand before that."""
        if self.keyword not in _HAS_HEREDOCS:
            return ()
        matches = (_HEREDOC.fullmatch(word) for word in split_words(self.arguments))
        return tuple((unquoted(match[2]), bool(match[1])) for match in matches if match is not None)

    def mounts(self) -> tuple[Mount, ...]:
        """What a RUN mounts."""
        return tuple(map(read_mount, self.mount_flags)) if self.keyword == "RUN" else ()

    @property
    def mount_flags(self) -> tuple[str, ...]:
        return tuple(flag for flag in self.flags if flag.startswith("--mount="))


@dataclass(frozen=True)
class Mount:
    """One `--mount` of a RUN."""

    type: str
    keys: Mapping[str, str]

    @property
    def is_required(self) -> bool:
        return self.keys.get("required", "false").lower() not in ("false", "0")

    @property
    def source(self) -> str:
        return self.keys.get("source") or self.keys.get("src") or "."


def read_mount(flag: str) -> Mount:
    """What a flag of a RUN mounts.

    >>> read_mount("--mount=type=secret,id=token,required").is_required
    True
    """
    parts = (part.partition("=") for part in unquoted(flag).removeprefix("--mount=").split(","))
    keys = {name.strip().lower(): value if sign else "true" for name, sign, value in parts}
    return Mount(keys.get("type", "bind").lower(), keys)


def split_lines(text: str) -> list[str]:
    """The lines of a Dockerfile, without their ends: there are other signs that end lines elsewhere, but not here."""
    lines = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def read_instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile. What is none is left to the builder to complain about."""
    lines = split_lines(text)
    escape = read_escape(lines)
    goes_on = re.compile(rf"(?:^|(?<=[^{re.escape(escape)}])){re.escape(escape)}[ \t]*$")
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
            words += goes_on.sub("", line)
            if not goes_on.search(line):
                break
        instruction = _instruction(words, begin + 1, at)
        at = _after_heredocs(instruction, lines, at)
        yield replace(instruction, last_line=at)


def read_escape(lines: Sequence[str]) -> str:
    """What makes a line go on: a backslash, or what the file says at its top."""
    for line in lines:
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive is None:
            break
        if directive[1].lower() == "escape":
            return directive[2][0]
    return "\\"


def _instruction(words: str, line: int, last_line: int) -> Instruction:
    keyword, *rest = words.split(maxsplit=1)
    arguments = rest[0].strip() if rest else ""
    flags: list[str] = []
    while match := _FLAG.match(arguments):
        flags.append(match[0].strip())
        arguments = arguments[match.end() :]
    return Instruction(keyword.upper(), tuple(flags), arguments, line, last_line)


def _after_heredocs(instruction: Instruction, lines: Sequence[str], at: int) -> int:
    """The first line behind the here-documents of an instruction."""
    for end, is_indented in instruction.heredocs:
        ends = (n for n in range(at, len(lines)) if (lines[n].lstrip("\t") if is_indented else lines[n]) == end)
        at = next(ends, len(lines) - 1) + 1
    return at


def split_words(text: str) -> list[str]:
    """The words of an instruction, quotes as they are written."""
    return _WORD.findall(text)


def unquoted(word: str) -> str:
    """A word without its quotes. Variables stay.

    >>> unquoted("--from='builder'")
    '--from=builder'
    """
    return word.replace('"', "").replace("'", "")


def expanded(text: str, values: Mapping[str, str], line: int, escape: str = "\\") -> str:
    """A word with its quotes taken off and its variables replaced; one that is not known stays as it is written.

    >>> expanded('"python:${TAG:-3.11}${SLIM:+-slim}"', {"SLIM": "yes"}, 1)
    'python:3.11-slim'

    Raises:
        BuildError: a form of a variable that not every builder knows; `line` says where.
    """
    found, at, quote = "", 0, ""
    while at < len(text):
        sign = text[at]
        if sign == quote:
            quote, at = "", at + 1
        elif sign in "\"'" and not quote:
            quote, at = sign, at + 1
        elif sign == escape and quote != "'" and at + 1 < len(text):
            found, at = found + text[at + 1], at + 2
        elif sign == "$" and quote != "'":
            value, at = _variable(text, at, values, line, escape)
            found += value
        else:
            found, at = found + sign, at + 1
    return found


def _variable(text: str, at: int, values: Mapping[str, str], line: int, escape: str) -> tuple[str, int]:
    """The value of the variable that begins at a `$`, and where it ends."""
    in_braces = text.startswith("${", at)
    match = _NAME.match(text, at + (2 if in_braces else 1))
    if match is None:
        return text[at], at + 1
    if not in_braces:
        return values.get(match[0], f"${match[0]}"), match.end()
    end = _closing_brace(text, match.end())
    operator = text[match.end() : end]
    if end == len(text):
        raise BuildError(f"line {line} of the Dockerfile: {text} lacks a }}")
    if not operator:
        return values.get(match[0], text[at : end + 1]), end + 1
    sign, word = operator.removeprefix(":")[:1], operator.removeprefix(":")[1:]
    is_set = bool(values.get(match[0])) if operator.startswith(":") else match[0] in values
    if sign == "+":
        return expanded(word, values, line, escape) if is_set else "", end + 1
    if sign == "-":
        return values[match[0]] if is_set else expanded(word, values, line, escape), end + 1
    if sign == "?" and is_set:
        return values[match[0]], end + 1
    raise BuildError(
        f"line {line} of the Dockerfile: {text[at : end + 1]} "
        + (f"has no value: {word}" if sign == "?" else "is a form of a variable that is not known"),
        fix="give the ARG a default, or use --build-arg; ${NAME}, ${NAME:-word} and ${NAME:+word} are known",
    )


def _closing_brace(text: str, at: int) -> int:
    depth = 1
    while at < len(text):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
        at += 1
    return at
