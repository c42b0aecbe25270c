"""Records as lines: whatever JSON has comes back as it was, from every interpreter to every other."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from repro.guest import exchange
from repro.guest.lines import ExchangeError, decode_line, decode_lines, encode_line, encode_texts, joined
from tests.unit.interpreters import INTERPRETERS, guest_beside

TEXT = st.text(st.characters())  # all of them: control characters, line separators, lone surrogates
SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | TEXT
KEYS = TEXT.filter(lambda key: key != exchange.ARRAY_KEY)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))
RECORDS = st.dictionaries(KEYS, VALUES, max_size=4)
TEXT_RECORDS = st.lists(st.fixed_dictionaries({"sequence": TEXT, "a%sb": TEXT}), min_size=1)


def same(one: Any, other: Any) -> bool:
    """Equal all the way down, types and signs and NaN too."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return (
            math.isnan(other) if math.isnan(one) else (one, math.copysign(1, one)) == (other, math.copysign(1, other))
        )
    return bool(one == other)


@given(VALUES)
def test_a_value_comes_back_from_its_line(value: Any) -> None:
    assert same(decode_line(encode_line(value)), value)


@given(VALUES)
def test_a_line_holds_no_line_end_and_pythons_json_reads_it(value: Any) -> None:
    line = encode_line(value)

    assert b"\n" not in line
    assert same(json.loads(line), value)


@given(st.lists(RECORDS, max_size=6))
def test_records_come_back_from_their_lines(records: list[dict[str, Any]]) -> None:
    data = b"".join(encode_line(record) + b"\n" for record in records)

    assert same(decode_lines(data, "a file"), records)


@given(st.lists(RECORDS, max_size=6) | TEXT_RECORDS)
def test_a_batch_is_its_records_lines_however_it_is_made(records: list[dict[str, Any]]) -> None:
    data = exchange.encode_batch(exchange.BatchEncoder("/nowhere", "a"), records)

    assert data.count(b"\n") == len(records)
    assert same([json.loads(line) for line in data.split(b"\n")[:-1]], records)


@given(st.lists(RECORDS, min_size=1, max_size=6))
def test_joined_lines_are_the_items_of_a_list(records: list[dict[str, Any]]) -> None:
    data = b"".join(encode_line(record) + b"\n" for record in records)

    assert same(json.loads(b"[" + joined(data) + b"]"), records)


@given(TEXT_RECORDS)
def test_texts_made_at_once_are_what_each_alone_would_be(records: list[dict[str, Any]]) -> None:
    data = encode_texts(records)

    if data is not None:
        assert same([json.loads(line) for line in data.split(b"\n")[:-1]], records)


@pytest.mark.parametrize(
    "records",
    [
        [{"a": "x"}, {"b": "x"}],
        [{"a": "x"}, {"a": "x", "b": "y"}],
        [{"a": "x", "b": "y"}, {"b": "y", "a": "x"}],
        [{"a": "x"}, {"a": 1}],
        [{"a": 'quote"'}],
        [{"a": "back\\slash"}],
        [{"a": "line\nend"}],
        [{"a": "\ud800"}],
        [{'"': "x"}],
        [{1: "x"}],
        [{}],
    ],
)
def test_texts_that_are_not_so_simple_are_not_made_at_once(records: list[dict[Any, Any]]) -> None:
    assert encode_texts(records) is None


def test_simple_texts_are_made_at_once() -> None:
    assert encode_texts([{"a": "é 100%", "%s": ""}] * 2) == '{"a":"é 100%","%s":""}\n'.encode() * 2


@pytest.mark.parametrize(
    "value", [{1: 2}, {None: 1}, {"a": {2.5: 1}}, [{True: 1}], b"", {1}, 1j, object(), range(3)], ids=repr
)
def test_what_json_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode_line(value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a":1}\n{"a":2}', "line 2 is cut"),
        (b'{"a":1}\n{"a":\n', "line 2 is no JSON"),
        (b'{"a":1}\n\n{"a":2}\n', "line 2 is no JSON"),
        (b'{"a":1},{"a":2}\n', "line 1 is no JSON"),
        (b'{"a":"\xff"}\n', "line 1 is no JSON"),
        (b'{"a":1},{"b":[1\n2]}\n', "line 1 is no JSON"),
        (b"[" * 100_000 + b"\n", "line 1 is no JSON"),
    ],
    ids=range(7),
)
def test_lines_that_are_none_are_told_with_their_number(data: bytes, said: str) -> None:
    with pytest.raises(ExchangeError, match=f"a file: {said}"):
        decode_lines(data, "a file")


# ------------------------------------------------------------------------------------------- from side to side


class Echo:
    """Another interpreter that reads lines and writes what it has read."""

    def __init__(self, interpreter: list[str], folder: Path) -> None:
        guest_beside(folder)
        program = (
            "import sys\n"
            "sys.path.insert(0, '.')\n"
            "from repro_guest.lines import decode_line, encode_line\n"
            "for line in sys.stdin.buffer:\n"
            "    sys.stdout.buffer.write(encode_line(decode_line(line)) + b'\\n')\n"
            "    sys.stdout.buffer.flush()\n"
        )
        self.process = subprocess.Popen(
            [*interpreter, "-c", program], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def of(self, value: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(encode_line(value) + b"\n")
        self.process.stdin.flush()
        return decode_line(self.process.stdout.readline())


@pytest.fixture(scope="module", params=INTERPRETERS)
def echo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    echo = Echo(request.param, tmp_path_factory.mktemp("guest"))
    yield echo
    echo.process.communicate()


@given(value=VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_value_comes_back_from_the_other_side(echo: Echo, value: Any) -> None:
    assert same(echo.of(value), value)


# ------------------------------------------------------------------------------------------------------- arrays

DTYPES = (
    arrays.boolean_dtypes()
    | arrays.integer_dtypes(endianness="?")
    | arrays.floating_dtypes(endianness="?")
    | arrays.complex_number_dtypes()
    | arrays.unicode_string_dtypes(max_len=5)
)
ARRAYS = arrays.arrays(DTYPES, arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))
WITH_ARRAYS = st.dictionaries(
    KEYS, st.recursive(SCALARS | ARRAYS, lambda inner: st.lists(inner, max_size=3)), max_size=3
)


def identical(one: Any, other: Any) -> bool:
    if isinstance(one, numpy.ndarray):
        return (
            isinstance(other, numpy.ndarray)
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(identical(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(identical, one, other))
    return same(one, other)


@given(records=st.lists(WITH_ARRAYS, max_size=5), consume=st.booleans())
def test_records_with_arrays_come_back(
    records: list[dict[str, Any]], consume: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("exchange")

    exchange.write_batch(records, str(folder), "batch.jsonl")
    found = exchange.read_batch(str(folder), "batch.jsonl", consume=consume)

    assert all(map(identical, records, found))
    assert len(found) == len(records)
    assert not (consume and list(folder.iterdir()))


def test_a_tensor_of_torch_is_an_array(tmp_path: Path) -> None:
    class Tensor:
        """As much of torch's as is used."""

        def detach(self) -> Tensor:
            return self

        def cpu(self) -> Tensor:
            return self

        def numpy(self) -> numpy.ndarray:
            return numpy.ones((2, 2), dtype="float32")

    exchange.write_batch([{"x": Tensor()}], str(tmp_path), "a.jsonl")

    (record,) = exchange.read_batch(str(tmp_path), "a.jsonl")
    assert record["x"].tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("shapes", "stored"),
    [
        ([(2, 3)] * 4, (4, 2, 3)),
        ([(2, 3), (5, 3)], (7, 3)),
        ([(2, 3), (3, 2)], (12,)),
        ([(4,), (1,)], (5,)),
        ([(0, 3)], (1, 0, 3)),
    ],
)
def test_arrays_of_one_field_lie_in_one_file_that_numpy_opens(
    shapes: list[tuple[int, ...]], stored: tuple[int, ...], tmp_path: Path
) -> None:
    exchange.write_batch([{"x": numpy.zeros(shape)} for shape in shapes], str(tmp_path), "a.jsonl")

    (file,) = tmp_path.glob("*.npy")
    assert numpy.load(file, mmap_mode="r" if 0 not in stored else None).shape == stored


def test_a_large_array_is_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    exchange.write_batch([{"x": numpy.zeros(1 << 20)}], str(tmp_path), "a.jsonl")

    (record,) = exchange.read_batch(str(tmp_path), "a.jsonl", consume=True)

    assert not record["x"].flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        record["x"][0] = 1


def test_many_large_arrays_do_not_use_up_the_file_descriptors(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    kept = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        for number in range(600):
            exchange.write_batch([{"x": numpy.full(140_000, number)}], str(tmp_path), "a.jsonl")
            kept += exchange.read_batch(str(tmp_path), "a.jsonl", consume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert [record["x"][-1] for record in kept] == list(range(600))


@pytest.mark.parametrize("cut_bytes", [1, 100, 10_000])
def test_an_array_file_that_is_cut_is_told(tmp_path: Path, cut_bytes: int) -> None:
    exchange.write_batch([{"x": numpy.zeros(2000)}], str(tmp_path), "a.jsonl")
    (file,) = tmp_path.glob("*.npy")
    file.write_bytes(file.read_bytes()[:-cut_bytes])

    with pytest.raises(ExchangeError, match="is cut"):
        exchange.read_batch(str(tmp_path), "a.jsonl")


@pytest.mark.parametrize(
    "reference",
    [
        {"$npy": "../a.npy", "start": 0, "shape": [1]},
        {"$npy": "absent.npy", "start": 0, "shape": [1]},
        {"$npy": "link.npy", "start": 0, "shape": [1]},
        {"$npy": "a.x.npy", "start": -1, "shape": [1]},
        {"$npy": "a.x.npy", "start": 5, "shape": [1]},
        {"$npy": "a.x.npy", "start": 0, "shape": [-1]},
        {"$npy": "a.x.npy", "start": 0, "shape": [10**30, 10**30]},
        {"$npy": "a.x.npy", "start": True, "shape": [1]},
        {"$npy": "a.x.npy", "shape": [1]},
        {"$npy": 7},
        {"$npy": ".."},
        {"$npy": ""},
        {"$npy": "\x00"},
    ],
)
def test_a_reference_that_leads_nowhere_is_told(tmp_path: Path, reference: dict[str, Any]) -> None:
    exchange.write_batch([{"x": numpy.zeros(5)}], str(tmp_path), "a.jsonl")
    (tmp_path / "link.npy").symlink_to(tmp_path / "a.x.npy")
    (tmp_path / "b.jsonl").write_text(json.dumps({"x": reference}) + "\n")

    with pytest.raises(ExchangeError):
        exchange.read_batch(str(tmp_path), "b.jsonl")


def test_a_batch_that_cannot_be_written_leaves_no_array_files(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        exchange.write_batch([{"x": numpy.zeros(5)}, {"x": object()}], str(tmp_path), "a.jsonl")

    assert not list(tmp_path.glob("*.npy"))


def test_without_numpy_nothing_imports_it(tmp_path: Path) -> None:
    guest_beside(tmp_path)
    program = (
        "import sys; sys.path.insert(0, '.'); from repro_guest import exchange\n"
        "exchange.write_batch([{'a': [1, {'b': None}]}], '.', 'a.jsonl')\n"
        "assert exchange.read_batch('.', 'a.jsonl') == [{'a': [1, {'b': None}]}]\n"
        "assert 'numpy' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
