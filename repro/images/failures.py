"""Why a build failed: the step with its line, its last lines, the usual causes by what they look like."""

from __future__ import annotations

import re
from dataclasses import dataclass

from repro.errors import BuildError, Evidence
from repro.images.dockerfile import Dockerfile, Instruction
from repro.images.steps import Steps

_MEND = "read the last lines below, mend the Dockerfile or the requirements, and set up again"
_NUMBER = re.compile(r"\[(?:(?P<stage>\S+) )?(?P<number>\d+)(?:/\d+)?\] ")
_LONGEST = 300


@dataclass(frozen=True)
class _Known:
    """A cause that can be told from what a builder says."""

    sign: re.Pattern[str]
    cause: str
    fix: str


_KNOWN = (
    _Known(
        re.compile(r"(?i)no space left on device"),
        "the disk on which the engine keeps images is full",
        "make room: see `docker system df`; `repro clean --images` and `docker builder prune` free some",
    ),
    _Known(
        re.compile(r"exec format error|exec user process caused"),
        "the engine cannot run programs of that platform",
        "leave --platform out, or install emulation (`docker run --privileged tonistiigi/binfmt --install all`)",
    ),
    _Known(
        re.compile(
            r"no match(?:ing manifest)? for (?:platform|\S+/\S+)|does not match the (?:specified|expected) platform"
        ),
        "the base image is not to be had for that platform",
        "leave --platform out, or start from an image that has it",
    ),
    _Known(
        re.compile(r"secret \S+ not found|secret not found|secret \S+: not found"),
        "a RUN line requires a secret that was not given",
        "give it: --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE",
    ),
    _Known(
        re.compile(
            r"failed to (?:resolve|authorize|do request|fetch)|pull access denied|manifest (?:for|unknown)|/v2/"
            r"|auth\.docker"
        ),
        "",
        "the base image cannot be pulled: check the network, or make it here (`make engine` does)",
    ),
)


def build_error(image: str, dockerfile: Dockerfile, steps: Steps, code: int | None) -> BuildError:
    """What a failed build is told as."""
    tail = steps.tail()
    said = "\n".join([*tail, *steps.all_lines])
    known = next((known for known in _KNOWN if known.sign.search(said)), _Known(_NUMBER, "", _MEND))
    evidence = Evidence(runtime="docker", image=image, exit_code=code, log_tail=tail)
    reason = tail[-1].strip()[:_LONGEST] if tail else "the builder says nothing"
    message = f"the image {image} could not be built: {_where(dockerfile, steps)}{reason}"
    return BuildError(message, cause=known.cause, fix=known.fix, evidence=evidence)


def _where(dockerfile: Dockerfile, steps: Steps) -> str:
    """The step that failed, by its line in the Dockerfile where it stands in it."""
    if steps.failed is None:
        return ""
    number = _NUMBER.match(steps.failed)
    shown = steps.failed[number.end() :] if number else steps.failed
    found = _instruction(dockerfile, shown, number)
    line = f"line {found.line} of the Dockerfile, " if found is not None else ""
    return f"{line}{steps.hidden(shown)[:_LONGEST]}: "


def _instruction(dockerfile: Dockerfile, shown: str, number: re.Match[str] | None) -> Instruction | None:
    found = dockerfile.find_step(shown)
    if found is None and number is not None and number["stage"] in (None, "stage-0"):
        nth = dockerfile.nth_step(int(number["number"]))
        # A builder may show it with its variables filled in.
        found = nth if nth is not None and shown.startswith(nth.keyword) else None
    return found
