"""Golden answers: records with what a model has to answer to them, shipped with the model in `tests/golden`.

```yaml
# models/esm/tests/golden/golden.yaml
made:                                   # how the answers were made
  command: python models/esm/scripts/make_fixtures.py
  date: 2026-11-21
  device: cpu, float32
  versions: {fair-esm: 2.0.0, torch: 2.13.0+cpu}      # (or all of it in a file: `made: made.json`)
held_against:                           # why they are believed: the original package's own output,
  package: fair-esm 2.0.0               # or `table:` with its `address:`, or a `definition:`
cases:
  esm2:
    variant: esm2_t6_8M_UR50D           # the default one where it is left out
    weights: fixtures                   # of its own, in tests/; else those that `repro setup` fetches
    parameters: {embeddings: [mean]}    # of the call; `options:` are those that are fixed at the start
    records: proteins.jsonl             # JSONL or FASTA beside golden.yaml, or the records themselves
    expected: esm2.jsonl                # JSONL, or the answers themselves
    slow: false                         # true: only where it is asked for
    tolerance:                          # a field that is not named is exact
      embedding: {cpu: {absolute: 1.0e-5}, cuda: {absolute: 1.0e-4}}
    errors:                             # records that must fail, and with what
      - {record: {sequence: MK*}, type: ValueError, message: "position 3 holds '*'"}
```

In `expected` an array is `{"$npy": FILE}`, a part of one `{"$npy": FILE, "start": ELEMENT, "shape": [...]}` (as run.py
writes it), and one of several in a file `{"$npz": FILE, "key": KEY}`. `id` in a record is its name, and handed over
only to a model that takes an `id`.
"""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from repro.errors import NotSetUpError, SettingsError
from repro.located_yaml import Section, read_yaml
from repro.verification.compare import ExpectedError
from repro.verification.golden import Golden, GoldenCase, GoldenError, HeldAgainst, Made
from repro.verification.golden_rows import file_inside, read_rows, resolved_rows
from repro.verification.tolerance import DEVICE_KINDS, Tolerance

GOLDEN_FILE = "golden.yaml"


def load_golden(folder: Path) -> Golden:
    """Read a folder with `golden.yaml`: `tests/golden` of a model's container side.

    Raises:
        NotSetUpError: there is none.
        SettingsError: it is not whole, or holds what does not belong there; says file, line and key.
        InputFileError: a file that it names is missing, cut or malformed.
    """
    path = folder / GOLDEN_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        fix = "docs/verifying.md says how golden answers are written"
        raise NotSetUpError(f"there are no golden answers: {path} does not exist", fix=fix) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}") from error
    return _golden(path, read_yaml(path, text))


def _golden(path: Path, section: Section) -> Golden:
    reader = _Reader(path, _made(section, path.parent), _held_against(section))
    bodies = section.sections("cases")
    if not bodies:
        raise section.wrong("cases", "is missing: there is nothing to verify")
    golden = Golden(path, {name: reader.case(name, body) for name, body in bodies.items()})
    section.finish()
    return golden


def _made(parent: Section, folder: Path) -> Made | None:
    """What stands under `made`: the facts, or the name of a file that holds them."""
    said = parent.value("made")
    if isinstance(said, str):
        path = folder / said
        if file_inside(folder.parent, path) is None:
            raise parent.wrong("made", f"must lie in {folder.parent}: {said!r}")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise parent.wrong("made", f"names {said}, which cannot be read: {why}") from None
        return _made_facts(read_yaml(path, text))
    inner = parent.section("made")
    return None if inner is None else _made_facts(inner)


def _made_facts(section: Section) -> Made:
    date = section.value("date")
    versions = section.mapping("versions")
    odd = next((name for name, version in versions.items() if not isinstance(version, str)), None)
    if odd is not None:
        raise section.wrong("versions", f'must be texts: put quotes around it, {odd}: "{versions[odd]}"')
    if not versions:
        raise section.wrong("versions", "is missing: name the packages that made the answers, as {torch: 2.13.0}")
    made = Made(
        command=_needed(section, "command", section.text("command")),
        date=_needed(section, "date", str(date) if isinstance(date, (str, datetime.date)) else None),
        device=_needed(section, "device", section.text("device")),
        versions={name: str(version) for name, version in versions.items()},
    )
    section.finish()
    return made


def _needed(section: Section, key: str, value: str | None) -> str:
    if not value:
        raise section.wrong(key, "is missing")
    return value


def _held_against(parent: Section) -> HeldAgainst | None:
    section = parent.section("held_against")
    if section is None:
        return None
    said = {kind: section.text(kind) for kind in ("package", "table", "definition")}
    given = [kind for kind, name in said.items() if name]
    address, how = section.text("address"), section.text("how")
    section.finish()
    if len(given) != 1:
        raise section.wrong(
            "", "must have one of package (the original one, whose own output this is), table, definition"
        )
    if given == ["table"] and not address:
        raise section.wrong("address", "is missing: where the table was published")
    kind: Any = given[0]
    return HeldAgainst(kind, str(said[kind]), address, how)


class _Reader:
    """Reads the cases of one golden.yaml."""

    def __init__(self, path: Path, made: Made | None, held_against: HeldAgainst | None) -> None:
        self._path = path
        self._made = made
        self._held_against = held_against

    def case(self, name: str, section: Section) -> GoldenCase:
        made = _made(section, self._path.parent) or self._made
        held_against = _held_against(section) or self._held_against
        if made is None:
            raise section.wrong("made", "is missing: how the answers were made (command, date, device, versions)")
        if held_against is None:
            raise section.wrong("held_against", "is missing: why the answers are believed (package, table, definition)")
        records, expected = self._rows(section, "records"), self._rows(section, "expected")
        errors = [_error(body) for body in section.items("errors")]
        case = GoldenCase(
            name=name,
            made=made,
            held_against=held_against,
            records=tuple(records),
            expected=tuple(expected),
            errors=tuple(errors),
            description=section.text("description") or "",
            is_slow=section.flag("slow"),
            variant=section.text("variant"),
            weights=self._weights(section),
            options=section.mapping("options"),
            parameters=section.mapping("parameters"),
            tolerance=_tolerance(section, expected),
        )
        if len(expected) != len(records):
            raise section.wrong("expected", f"has {len(expected)} answers to {len(records)} records")
        empty = next((number for number, row in enumerate(expected) if not row), None)
        if empty is not None:
            raise section.wrong("expected", f"says nothing of record {empty}: name the fields that it has to have")
        if not (records or errors):
            raise section.wrong("records", "is missing: there is nothing to verify")
        section.finish()
        return case

    def _rows(self, section: Section, key: str) -> Sequence[dict[str, Any]]:
        said = section.value(key)
        if said is None:
            return []
        if isinstance(said, str):
            path = self._path.parent / said
            if file_inside(self._tests, path) is None:
                raise section.wrong(key, f"must lie in {self._tests}: {said!r}")
            if not path.is_file():
                raise section.wrong(key, f"names {said}, which is not there")
            return read_rows(path, self._tests)
        if isinstance(said, list) and all(isinstance(row, dict) for row in said):
            return resolved_rows(said, self._path, self._tests)
        raise section.wrong(key, "must be the name of a file, or a list of mappings")

    def _weights(self, section: Section) -> Path | None:
        said = section.text("weights")
        if said is None:
            return None
        path = self._tests / said
        if file_inside(self._tests, path) is None or not path.exists():
            raise section.wrong("weights", f"must be a folder or file in {self._tests}: there is no {said}")
        return path.resolve()

    @property
    def _tests(self) -> Path:
        return self._path.parent.parent


def _error(section: Section) -> GoldenError:
    record = section.mapping("record")
    message = section.text("message")
    expected = ExpectedError(message or "", section.text("type"))
    if section.value("record") is None:
        raise section.wrong("record", "is missing")
    if not (message or expected.type):
        raise section.wrong("message", "is missing: a part of what the error says, or its `type`")
    section.finish()
    return GoldenError(record, expected)


def _tolerance(
    section: Section, expected: Sequence[Mapping[str, Any]]
) -> dict[str, Tolerance | Mapping[str, Tolerance]]:
    inner = section.section("tolerance")
    if inner is None:
        return {}
    known = sorted({name for row in expected for name in _field_names(row)})
    found: dict[str, Tolerance | Mapping[str, Tolerance]] = {}
    for name, said in section.mapping("tolerance").items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
            raise inner.wrong(name, f"is a field of no expected answer; {hint}")
        try:
            found[name] = _of_device(said)
        except SettingsError as error:
            raise inner.wrong(name, error.message) from None
    return found


def _of_device(said: object) -> Tolerance | Mapping[str, Tolerance]:
    if isinstance(said, dict) and set(said) & set(DEVICE_KINDS):
        if set(said) != set(DEVICE_KINDS):
            raise SettingsError(f"must have one for each of {' and '.join(DEVICE_KINDS)}")
        return {kind: Tolerance.of(said[kind]) for kind in DEVICE_KINDS}
    return Tolerance.of(said)


def _field_names(row: Mapping[str, Any], parent: str = "") -> list[str]:
    names = []
    for key, value in row.items():
        name = f"{parent}{key}"
        inner = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
        names += [name, *(deep for one in inner if isinstance(one, dict) for deep in _field_names(one, f"{name}."))]
    return names
