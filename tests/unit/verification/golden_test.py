"""Golden files: what they hold is read as it is, and what is wrong with one is told with its file, line and key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from repro.errors import InputFileError, NotSetUpError, ReproError, SettingsError
from repro.verification import Golden, Tolerance, load_golden

GOOD = """\
made:
  command: python make_golden.py
  date: 2026-11-21
  device: cpu, float32
  versions: {original: 1.0.2, torch: 2.13.0+cpu}
held_against:
  package: original 1.0.2
  how: one record at a time
cases:
  embeddings:
    variant: small
    weights: fixtures
    options: {precision: fp32}
    parameters: {pooling: mean}
    records: records.jsonl
    expected: expected.jsonl
    tolerance:
      embedding: {cpu: {absolute: 1.0e-5}, cuda: {absolute: 1.0e-4}}
      score: {relative: 0.01}
    errors:
      - {record: {sequence: "M*"}, type: ValueError, message: "holds '*'"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A golden folder that is right."""
    folder = tmp_path / "tests" / "golden"
    folder.mkdir(parents=True)
    (tmp_path / "tests" / "fixtures").mkdir()
    (folder / "golden.yaml").write_text(GOOD)
    (folder / "records.jsonl").write_text('{"id": "a", "sequence": "MK"}\n{"sequence": "MKT"}\n')
    np.save(folder / "embedding.npy", np.arange(8, dtype="float32"))
    np.savez(folder / "scores.npz", **{"1/score": np.float64([0.5])})
    rows = [
        {"embedding": {"$npy": "embedding.npy", "start": 0, "shape": [2, 2]}, "score": 1.5},
        {"embedding": {"$npy": "embedding.npy"}, "score": {"$npz": "scores.npz", "key": "1/score"}},
    ]
    (folder / "expected.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def changed(folder: Path, old: str, new: str, file: str = "golden.yaml") -> Path:
    """The folder after a change in one of its files."""
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    return folder


def refused(folder: Path, kind: type[ReproError] = SettingsError) -> str:
    """What is said of a folder that is wrong."""
    with pytest.raises(kind) as caught:
        load_golden(folder)
    return caught.value.message


def test_a_golden_file_is_read_as_it_is(folder: Path) -> None:
    golden = load_golden(folder)

    case = golden.case("embeddings")
    assert (case.made.command, case.made.date) == ("python make_golden.py", "2026-11-21")
    assert case.made.versions == {"original": "1.0.2", "torch": "2.13.0+cpu"}
    assert (case.held_against.kind, case.held_against.name) == ("package", "original 1.0.2")
    assert (case.variant, case.options, case.parameters) == ("small", {"precision": "fp32"}, {"pooling": "mean"})
    assert case.weights == folder.parent / "fixtures"
    assert case.ids == ("a", None)
    assert (case.errors[0].record, case.errors[0].expected.message) == ({"sequence": "M*"}, "holds '*'")
    first, second = case.expected
    np.testing.assert_array_equal(first["embedding"], np.float32([[0, 1], [2, 3]]))
    assert (second["embedding"].shape, second["embedding"].dtype, second["score"][0]) == ((8,), "float32", 0.5)


def test_tolerances_may_differ_from_device_to_device(folder: Path) -> None:
    case = load_golden(folder).case("embeddings")

    assert case.tolerances("cpu").of("embedding") == Tolerance("absolute", 1e-5)
    assert case.tolerances("cuda").of("embedding") == Tolerance("absolute", 1e-4)
    assert case.tolerances("cuda").of("score") == Tolerance("relative", 0.01)
    assert case.tolerances("cpu").of("name").kind == "exact"


def test_records_and_answers_may_stand_in_the_file_itself(folder: Path) -> None:
    changed(folder, "records: records.jsonl", "records: [{sequence: MK}]")
    changed(folder, "expected: expected.jsonl", "expected: [{embedding: {$npy: embedding.npy}, score: 1.5}]")

    case = load_golden(folder).case("embeddings")

    assert case.records == ({"sequence": "MK"},)
    assert case.expected[0]["embedding"].shape == (8,)


def test_records_may_be_fasta(folder: Path) -> None:
    (folder / "records.fasta").write_text(">a first\nMK\n>b\nMKT\n")
    changed(folder, "records.jsonl", "records.fasta")

    assert load_golden(folder).case("embeddings").records == (
        {"id": "a", "sequence": "MK"},
        {"id": "b", "sequence": "MKT"},
    )


def test_how_answers_were_made_may_lie_in_a_file_beside(folder: Path) -> None:
    made = {"command": "make", "date": "2026-11-20", "device": "cpu", "versions": {"torch": "2.13.0"}}
    (folder / "made.json").write_text(json.dumps(made))
    text = GOOD[GOOD.index("held_against:") :]
    (folder / "golden.yaml").write_text("made: made.json\n" + text)

    assert load_golden(folder).case("embeddings").made.date == "2026-11-20"


def test_a_case_may_say_for_itself_how_it_was_made(folder: Path) -> None:
    own = "    made: {command: other, date: 2026-11-22, device: 'GPU, float16', versions: {torch: 2.13.0}}\n"
    changed(folder, "    variant: small\n", "    variant: small\n" + own)

    assert load_golden(folder).case("embeddings").made.device == "GPU, float16"


def test_a_case_that_is_not_there_is_told_with_the_near_ones(folder: Path) -> None:
    golden: Golden = load_golden(folder)

    with pytest.raises(SettingsError, match="no case 'embedings'") as caught:
        golden.case("embedings")
    assert caught.value.fix == "did you mean embeddings?"


def test_without_a_golden_file_it_says_where_it_should_be(tmp_path: Path) -> None:
    assert str(tmp_path / "golden.yaml") in refused(tmp_path, NotSetUpError)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  command: python make_golden.py\n", "", "line 1: made.command is missing"),
        ("  date: 2026-11-21\n", "", "line 1: made.date is missing"),
        ("  device: cpu, float32\n", "", "line 1: made.device is missing"),
        ("  versions: {original: 1.0.2, torch: 2.13.0+cpu}\n", "", "line 1: made.versions is missing"),
        ("  versions: {original: 1.0.2,", "  versions: {original: 1.0,", 'put quotes around it, original: "1.0"'),
        ("  package: original 1.0.2\n", "", "line 6: held_against must have one of package"),
        ("  package: original 1.0.2\n", "  table: Table 2\n", "held_against.address is missing"),
        ("  package: original", "  definition: it is so\n  package: original", "held_against must have one of package"),
        ("  command:", "  comand:", "line 1: made.command is missing"),
        ("    variant: small", "    varant: small", "varant is not a known key; did you mean variant?"),
        ("weights: fixtures", "weights: ../../etc", "line 12: cases.embeddings.weights must be a folder or file in"),
        ("records: records.jsonl", "records: record.jsonl", "line 15: cases.embeddings.records names record.jsonl"),
        ("records: records.jsonl", "records: ../../../x.jsonl", "records must lie in"),
        ("records: records.jsonl", "records: 5", "records must be the name of a file, or a list of mappings"),
        ("      embedding: {cpu", "      embeding: {cpu", "did you mean embedding?"),
        ("{absolute: 1.0e-5}", "{absolute: 1e-5}", "write it with a dot, as 1.0e-5"),
        ("{absolute: 1.0e-5}", "roughly", "must be exact, {absolute: NUMBER}"),
        ("{relative: 0.01}", "{relative: 1.0e+9}", "score must be less than 1, not 1e+09: a relative tolerance of 1"),
        ("{relative: 0.01}", "{relative: 1}", "score must be less than 1, not 1"),
        ("records: records.jsonl", 'records: "a\\0.jsonl"', "records must lie in"),
        ("weights: fixtures", 'weights: "a\\0"', "weights must be a folder or file in"),
        ("expected: expected.jsonl", "expected: [{score: 1.0, embedding: 1}, {}]", "says nothing of record 1"),
        ("date: 2026-11-21", "date: 2026-13-45", "not valid YAML: month must be in 1..12"),
        ("{precision: fp32}", "&a {precision: *a}", "is nested too deeply, or holds itself"),
        ("{precision: fp32}", "[" * 5000, "is nested too deeply, or holds itself"),
        (", cuda: {absolute: 1.0e-4}", "", "line 18: cases.embeddings.tolerance.embedding must have one for each of"),
        (", type: ValueError, message: \"holds '*'\"", "", "message is missing"),
        ('{record: {sequence: "M*"}, type', "{type", "record is missing"),
        ("cases:\n", "cases: {}\nold:\n", "cases is missing: there is nothing to verify"),
    ],
)
def test_a_slip_is_told_with_its_line_and_key(folder: Path, old: str, new: str, said: str) -> None:
    message = refused(changed(folder, old, new))

    assert said in message
    assert re.search(r"golden\.yaml", message)


def test_a_golden_file_that_does_not_say_how_it_was_made_or_why_it_is_believed_is_refused(folder: Path) -> None:
    text = GOOD[GOOD.index("held_against:") :]
    (folder / "golden.yaml").write_text(text)
    assert "cases.embeddings.made is missing" in refused(folder)

    (folder / "golden.yaml").write_text(GOOD[: GOOD.index("held_against:")] + GOOD[GOOD.index("cases:") :])
    assert "cases.embeddings.held_against is missing" in refused(folder)


def test_a_key_that_is_missing_in_the_file_beside_is_told_with_that_file(folder: Path) -> None:
    (folder / "made.json").write_text('{"command": "make", "device": "cpu", "versions": {"torch": "2.13.0"}}')
    (folder / "golden.yaml").write_text("made: made.json\n" + GOOD[GOOD.index("held_against:") :])

    assert refused(folder).endswith("made.json, line 1: date is missing")


def test_an_expected_file_that_is_cut_between_two_lines_is_noticed(folder: Path) -> None:
    first = (folder / "expected.jsonl").read_text().splitlines(keepends=True)[0]
    (folder / "expected.jsonl").write_text(first)

    assert "line 16: cases.embeddings.expected has 1 answers to 2 records" in refused(folder)


def test_an_expected_file_that_is_cut_in_the_middle_of_a_line_is_noticed(folder: Path) -> None:
    text = (folder / "expected.jsonl").read_text()
    (folder / "expected.jsonl").write_text(text[:-20])

    assert "expected.jsonl ends in the middle of line 2: it seems cut" in refused(folder, InputFileError)


@pytest.mark.parametrize("name", ["embedding.npy", "scores.npz"])
def test_an_array_file_that_is_cut_is_named(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])

    assert f"{name} cannot be read" in refused(folder, InputFileError)


def test_nothing_is_unpickled(folder: Path) -> None:
    np.save(folder / "embedding.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)

    assert "Object arrays cannot be loaded when allow_pickle=False" in refused(folder, InputFileError)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"start": 0, "shape": [2, 2]', '"start": 6, "shape": [2, 2]', "holds 8 elements, and 6 to 10 are asked for"),
        ('"start": 0, "shape": [2, 2]', '"start": 0', "row 0, 'embedding': a reference to an array is malformed"),
        ('"start": 0, "shape": [2, 2]', '"start": 0, "shape": ["a"]', "a reference to an array is malformed"),
        ('"start": 0, "shape": [2, 2]', '"start": 0, "shape": [-1]', "a reference to an array is malformed"),
        ('"start": 0, "shape": [2, 2]', '"start": true, "shape": [2]', "a reference to an array is malformed"),
        ('"start": 0, "shape": [2, 2]', '"start": 0, "shape": [true]', "a reference to an array is malformed"),
        ('{"$npy": "embedding.npy"}', '{"$npy": "scores.npz"}', "scores.npz is no .npy file"),
        ('{"$npy": "embedding.npy"}', '{"$npy": "a\\u0000.npy"}', "lies outside of"),
        ('"$npz": "scores.npz"', '"$npz": "embedding.npy"', "embedding.npy is no .npz file"),
        ('"key": "1/score"', '"key": ["1/score"]', "a reference to an array is malformed"),
        ('"key": "1/score"', '"key": "2/score"', "scores.npz holds no array '2/score'"),
        ('"$npz": "scores.npz"', '"$npz": "../../../scores.npz"', "lies outside of"),
        ('"$npz": "scores.npz"', '"$npz": "other.npz"', "row 1, 'score': other.npz cannot be read"),
    ],
)
def test_a_reference_to_an_array_that_cannot_be_had_is_told(folder: Path, old: str, new: str, said: str) -> None:
    assert said in refused(changed(folder, old, new, "expected.jsonl"), InputFileError)


@pytest.mark.parametrize(
    "header",
    [b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,)}", b"(" * 3000, b"[" * 9000, b"1"],
    ids=["huge", "deep", "deeper", "number"],
)
def test_an_array_file_with_a_header_that_lies_is_named(folder: Path, header: bytes) -> None:
    (folder / "embedding.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"x")

    assert "row 0, 'embedding': embedding.npy cannot be read" in refused(folder, InputFileError)


@pytest.mark.parametrize("name", ["/etc/passwd", "../../outside.yaml", "a\\0b"])
def test_how_answers_were_made_is_read_from_nowhere_else(folder: Path, name: str) -> None:
    (folder.parent.parent / "outside.yaml").write_text(GOOD[: GOOD.index("held_against:")])
    (folder / "golden.yaml").write_text(f'made: "{name}"\n' + GOOD[GOOD.index("held_against:") :])

    assert "line 1: made must lie in" in refused(folder)


def test_a_file_beside_that_is_no_text_is_told(folder: Path) -> None:
    (folder / "made.bin").write_bytes(b"\xff\xfe\x00")
    (folder / "golden.yaml").write_text("made: made.bin\n" + GOOD[GOOD.index("held_against:") :])

    assert "line 1: made names made.bin, which cannot be read" in refused(folder)


def test_aliases_of_aliases_do_not_fill_the_memory(folder: Path) -> None:
    bomb = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]\n" for n in range(12))
    (folder / "golden.yaml").write_text(bomb)

    assert "holds too much" in refused(folder)


@pytest.mark.parametrize("model", ["tutorial", "antiberty", "esm"])
def test_the_models_here_ship_golden_answers(model: str) -> None:
    from repro.model import Model

    golden = load_golden(Model.by_name(model).container_folder() / "tests" / "golden")

    assert golden.cases
    assert all(case.made.versions and case.held_against.name for case in golden.cases.values())
