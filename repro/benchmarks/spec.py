"""What a benchmark is: data sets x models x splits, as its author wrote it in a YAML file.

```yaml
name: small
datasets:                          # paths are relative to this file
  - A4_HUMAN_Seuma_2021            # an example that comes with repro
  - data/blat.pgdata
  - {path: x.csv, reference: DMS_substitutions.csv, target: DMS_score}
models:
  - ridge
  - {model: esm, label: ESM-2 8M, variant: esm2_t6_8M_UR50D, hyper_params: {strategy: wt-marginals}, memory: 4g}
splits: [random_5, modulo_5]       # left out: each data set's own
metrics: [spearman, ndcg]          # left out: all
```

docs/benchmarking.md has all keys. Every complaint names the file, the line and the key.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from repro.benchmarks.problems import Problems
from repro.errors import InputFileError, SettingsError
from repro.located_yaml import Section, read_yaml
from repro.runtimes.base import parse_size
from repro.settings import RUNTIMES

BOOTSTRAP = 1000
ANY_GPU = -2
"""Device of a model that takes whichever GPU is free."""

T = TypeVar("T")
D = TypeVar("D")

_DEVICES = {"cpu": -1, "gpu": ANY_GPU}
_FIX = "name a benchmark's YAML file; docs/benchmarking.md shows one"
_WRONG = "?"


@dataclass(frozen=True)
class DatasetEntry:
    """One data set of the list."""

    path: str
    """Of its file, as it is written; or the name of an example."""
    reference: str | None
    """A table with a row for each assay, beside a CSV file."""
    target: str | None
    """Which column is predicted; None: each target in turn."""
    name: str | None
    """What it is called in the results; None: as it calls itself."""
    at: Section = field(repr=False, compare=False)


@dataclass(frozen=True)
class ModelEntry:
    """One model of the list, with all that it is to run with."""

    model: str
    label: str
    """What it is called in the results."""
    variant: str | None
    image: str | None
    weights: str | None
    card: str | None
    """Path of a card in place of the model's own."""
    hyper_params: Mapping[str, Any]
    device: int
    """Index of a GPU, -1 for the CPU, or ANY_GPU."""
    memory_bytes: int | None
    cpus: float | None
    at: Section = field(repr=False, compare=False)


@dataclass(frozen=True)
class Spec:
    """What a benchmark is."""

    path: Path
    name: str
    datasets: tuple[DatasetEntry, ...]
    models: tuple[ModelEntry, ...]
    splits: tuple[str | None, ...]
    """None: the data set's own."""
    metrics: tuple[str, ...]
    """Empty: all."""
    bootstrap: int
    """How many times rows are drawn for the standard error; 0: none is told."""
    runtime: str | None
    memory_bytes: int | None
    """For all cells that run at a time."""
    cpus: float | None
    devices: tuple[int, ...]
    """GPUs that cells may hold."""
    at: Section = field(repr=False, compare=False)

    def resolve(self, path: str) -> Path:
        """A path of the file, which is relative to the folder that the file is in."""
        return self.path.parent / Path(path).expanduser()


def read_spec(path: Path, devices: tuple[int, ...] | None = None, problems: Problems | None = None) -> Spec:
    """Read a benchmark's file.

    Args:
        path: of the file.
        devices: GPUs that cells may hold, in place of those that it names.
        problems: gets what is wrong, for whoever looks on for more; the spec is then of what is right. None: all that
            is wrong is raised.

    Raises:
        InputFileError: it cannot be read.
        SettingsError: it is not YAML, or says something that cannot be; names file, line and key.
    """
    section = read_yaml(path, _text(path))
    gathered = Problems() if problems is None else problems
    spec = _spec(path, section, devices, gathered)
    if problems is None:
        gathered.raise_all()
    return spec


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        beside = [one.name for one in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1)
        fix = f"did you mean {path.parent / near[0]}?" if near else _FIX
        raise InputFileError(f"there is no file {path}", fix=fix) from None
    except UnicodeDecodeError:
        raise InputFileError(f"{path} is not UTF-8 text", fix=_FIX) from None
    except OSError as error:
        raise InputFileError(f"{path} cannot be read: {error.strerror}", fix=_FIX) from error


def _spec(path: Path, section: Section, given: tuple[int, ...] | None, problems: Problems) -> Spec:
    read = _Reader(section, problems)
    named = read(_devices, default=None)
    devices = named if given is None else given
    runtime = read(_one_of, "runtime", RUNTIMES, default=_WRONG)
    datasets = [_dataset(entry, problems) for entry in read(_some, "datasets", "path", problems, default=[])]
    models = [_model(entry, devices, problems) for entry in read(_some, "models", "model", problems, default=[])]
    if runtime is _WRONG:  # where a model would run is not known, and whether it is set up there
        models, runtime = [], None
    splits = read(_distinct, "splits", default=None)
    spec = Spec(
        path=path,
        name=read(Section.text, "name", default=None) or path.stem,
        datasets=tuple(entry for entry in datasets if entry is not None),
        models=tuple(entry for entry in models if entry is not None),
        splits=() if splits is None else splits or (None,),
        metrics=read(_distinct, "metrics", default=()),
        bootstrap=read(_bootstrap, default=BOOTSTRAP),
        runtime=runtime,
        memory_bytes=read(_size, "memory", default=None),
        cpus=read(_cpus, "cpus", default=None),
        devices=devices or (),
        at=section,
    )
    problems.add(section.unknown())
    return spec


class _Reader:
    """Takes a section apart; what is wrong is kept, and the default given in its place."""

    def __init__(self, section: Section, problems: Problems) -> None:
        self._section = section
        self._problems = problems

    def __call__(self, read: Callable[..., T], *words: object, default: D) -> T | D:
        return self._problems.value(read, self._section, *words, default=default)


def _some(section: Section, key: str, word: str, problems: Problems) -> list[Section]:
    wrong: list[SettingsError] = []
    entries = section.entries(key, word, wrong)
    problems.add(wrong)
    if not entries and not wrong:
        raise section.wrong(key, f"is missing, or empty: name one or more {key}")
    return entries


def _dataset(section: Section, problems: Problems) -> DatasetEntry | None:
    """An entry; None where something is wrong with it."""
    before, read = problems.count, _Reader(section, problems)
    path = read(Section.text, "path", default="")
    texts = {key: read(Section.text, key, default=None) for key in ("reference", "target", "name")}
    if path is None:
        problems.add([section.wrong("path", "is missing: the file of the data set, or the name of an example")])
    problems.add(section.unknown())
    return DatasetEntry(path or "", **texts, at=section) if problems.count == before else None


def _model(section: Section, devices: tuple[int, ...] | None, problems: Problems) -> ModelEntry | None:
    """An entry; None where something is wrong with it."""
    before, read = problems.count, _Reader(section, problems)
    model = read(Section.text, "model", default="")
    if model is None:
        problems.add([section.wrong("model", "is missing: the name of a model, as `repro list` shows it")])
    texts = {key: read(Section.text, key, default=None) for key in ("label", "variant", "image", "weights", "card")}
    entry = ModelEntry(
        model=model or "",
        label=texts.pop("label") or model or "",
        **texts,
        hyper_params=read(_hyper_params, default={}),
        device=read(_device, devices, default=-1),
        memory_bytes=read(_size, "memory", default=None),
        cpus=read(_cpus, "cpus", default=None),
        at=section,
    )
    problems.add(section.unknown())
    return entry if problems.count == before else None


def _hyper_params(section: Section) -> dict[str, Any]:
    """Hyper-parameters, by the names that they have as options of run.py: `n-components` is `n_components`."""
    given = section.mapping("hyper_params")
    named = {name.replace("-", "_"): value for name, value in given.items()}
    if len(named) < len(given):
        raise section.wrong("hyper_params", "states one twice: `-` and `_` are the same in a name")
    try:
        json.dumps(named, allow_nan=False)
    except (TypeError, ValueError) as error:
        what = f"holds what cannot be handed over: {error}; put quotes around it"
        raise section.wrong("hyper_params", what) from None
    return named


def _device(section: Section, devices: tuple[int, ...] | None) -> int:
    """Index of a GPU, -1 or ANY_GPU; `devices`: those that cells may hold, None where that is not known."""
    value = section.value("device")
    if value is None:
        return -1
    if isinstance(value, str):
        value = _DEVICES.get(value)
    elif type(value) is not int or value < -1:
        value = None
    if value is None:
        raise section.wrong("device", f"must be cpu, gpu or the index of a GPU, not {section.value('device')!r}")
    if devices is None:
        return value
    if value == ANY_GPU and not devices:
        raise section.wrong("device", "is gpu, and no GPUs are listed: say `devices: [0]` in the file, or --devices 0")
    if value >= 0 and devices and value not in devices:
        raise section.wrong("device", f"is {value}, which is not among the GPUs that cells may hold")
    return value


def _devices(section: Section) -> tuple[int, ...]:
    value = section.value("devices")
    if value is None:
        return ()
    if isinstance(value, list) and all(type(index) is int and index >= 0 for index in value):
        if len(set(value)) == len(value):
            return tuple(value)
        raise section.wrong("devices", "lists a GPU twice")
    raise section.wrong("devices", "must be a list of indices of GPUs, such as [0, 1]")


def _distinct(section: Section, key: str) -> tuple[str, ...]:
    """The texts of a list, each once: one that stands there twice would be computed once anyway."""
    return tuple(dict.fromkeys(section.texts(key)))


def _bootstrap(section: Section) -> int:
    value = section.value("bootstrap")
    if value is None:
        return BOOTSTRAP
    if type(value) is not int or value < 0:
        raise section.wrong("bootstrap", f"must be a whole number, or 0 for no standard errors, not {value!r}")
    return value


def _one_of(section: Section, key: str, choices: tuple[str, ...]) -> str | None:
    value = section.text(key)
    if value is not None and value not in choices:
        raise section.wrong(key, f"must be one of {', '.join(choices)}, not {value!r}")
    return value


def _size(section: Section, key: str) -> int | None:
    value = section.value(key)
    if value is None:
        return None
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        with contextlib.suppress(SettingsError):  # told below, with its place
            return parse_size(value)
    raise section.wrong(key, f"must be a size such as 512m or 8g, not {value!r}")


def _cpus(section: Section, key: str) -> float | None:
    value = section.value(key)
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    raise section.wrong(key, f"must be a number of cores above 0, not {value!r}")
