"""Whether the values of a manifest can be: it may have been edited, or come from a stranger."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from repro.provenance.manifest import SAGEMAKER, FileFacts, Manifest

_MOST = 2**31 - 1  # what a batch size, an index and a count of processors can be everywhere
_RUNTIMES = ("docker", "local", SAGEMAKER)
_ON_ERROR = ("raise", "return")
# Names are told within commands that can be pasted: so none is an option, or holds what a shell makes something of.
_NAME = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:@+-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.!+-]*")
_KEYWORDS: Mapping[str, tuple[type, ...]] = {"weights": (str,), "memory": (str, int), "cpus": (int, float)}


def find_slip(manifest: Manifest) -> tuple[str, str] | None:
    """The first key whose value cannot be, and why; None where all can."""
    return next(_slips(manifest), None)


def _slips(manifest: Manifest) -> Iterator[tuple[str, str]]:
    made_by, run, counts = manifest.made_by, manifest.run, manifest.records
    yield from _among("made_by.environment.runtime", made_by.environment.runtime, _RUNTIMES)
    yield from _named("made_by.model.package", made_by.model.package)
    yield from _named("made_by.model.package_version", made_by.model.package_version, _VERSION)
    yield from _named("made_by.environment.image", made_by.environment.image)
    yield from _named("made_by.environment.identity", made_by.environment.identity)
    for number, digest in enumerate(made_by.environment.registry_digests):
        yield from _named(f"made_by.environment.registry_digests.{number}", digest)
    yield from _whole("made_by.batch_size", made_by.batch_size, least=1)
    yield from _whole("made_by.device", made_by.device, least=-1)
    yield from _among("run.on_error", run.on_error, _ON_ERROR)
    if run.limit is not None:
        yield from _whole("run.limit", run.limit, least=1, most=None)
    yield from _keywords(run.keywords)
    for moment in ("started", "ended"):
        yield from _moment(moment, getattr(manifest, moment))
    for number, stint in enumerate(manifest.resumed):
        yield from _whole(f"resumed.{number}.first", stint.first, most=None)
        yield from _moment(f"resumed.{number}.started", stint.started)
    for name in ("start", "compute", "whole"):
        yield from _seconds(f"seconds.{name}", getattr(manifest.seconds, name))
    for name in ("total", "failed", "resumed"):
        most = None if name == "total" else counts.total
        yield from _whole(f"records.{name}", getattr(counts, name), most=most)
    yield from _file("input", manifest.input)
    yield from _file("output", manifest.output)


def _named(key: str, name: str, form: re.Pattern[str] = _NAME) -> Iterator[tuple[str, str]]:
    if name and not form.fullmatch(name):
        yield key, f"{name!r} is no name" if form is _NAME else f"{name!r} is no version"


def _keywords(keywords: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, kinds in _KEYWORDS.items():
        value = keywords.get(name)
        if value is not None and (type(value) not in kinds or "\0" in str(value)):
            yield f"run.keywords.{name}", f"{value!r} cannot be given for it"


def _among(key: str, value: str, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if value not in known:
        yield key, f"{value!r} is none of {', '.join(known)}"


def _whole(key: str, value: int, *, least: int = 0, most: int | None = _MOST) -> Iterator[tuple[str, str]]:
    if value < least:
        yield key, f"{_shown(value)} is less than {least}"
    elif most is not None and value > most:
        yield key, f"{_shown(value)} is more than {most}"


def _shown(value: int) -> str:
    return str(value) if abs(value) < 10**20 else "so large a number"


def _seconds(key: str, value: float) -> Iterator[tuple[str, str]]:
    if not (math.isfinite(value) and value >= 0):
        yield key, f"{value} is no time that passed"


def _moment(key: str, value: str) -> Iterator[tuple[str, str]]:
    try:
        datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        yield key, f"{value!r} is no moment such as 2026-01-01T00:00:00Z"


def _file(key: str, facts: FileFacts) -> Iterator[tuple[str, str]]:
    if not facts.path or "\0" in facts.path or Path(facts.path).name in ("", ".."):
        yield f"{key}.path", f"{facts.path!r} is no path of a file"
    if facts.bytes is not None:
        yield from _whole(f"{key}.bytes", facts.bytes, most=None)
