"""The partial output of a run: what is kept when it is interrupted, and what a resumed run makes of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from repro.data.chunks import Chunks
from repro.data.spool import Spool, file_sha256, partial_folder
from repro.data.writers import write_records
from repro.errors import InputError, OutputError

RUN = {"model": "antiberty", "image": "sha256:1", "options": {"pooling": "mean"}, "input": "abc"}
OUTPUTS = ["out.jsonl", "out.parquet", "out.npz"]
TOTAL = 120
SLOWEST_START_S = 60.0

Row = dict[str, Any]


def row(index: int) -> Row:
    """What a run computes for record `index`: text, a number, arrays of one shape and of many, failures."""
    if index % 7 == 3:
        return {"id": f"r{index}", "error": {"type": "ValueError", "message": f"record {index}"}}
    tokens = np.arange(index % 5 * 3, dtype=np.float16).reshape(-1, 3)
    return {"id": f"r{index}", "score": index / 7, "mean": np.full(8, index / 3, np.float32), "tokens": tokens}


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(value, other[key]) and getattr(value, "dtype", None) == getattr(other[key], "dtype", None)
        for key, value in one.items()
    )


def start(output: Path, *, resume: bool = False, run: Row = RUN, chunk_rows: int = 3) -> Spool:
    return Spool.open(output, run, resume=resume, chunk_rows=chunk_rows)


class TestRows:
    def test_rows_come_back_in_order_any_number_of_times(self, tmp_path: Path) -> None:
        rows = [row(index) for index in range(10)]
        with start(tmp_path / "out.jsonl") as spool:
            spool.append(rows[:4])
            spool.append(iter(rows[4:]))
            assert spool.done == 10
            for _ in range(2):
                assert all(map(same, spool.rows(), rows))

    def test_rows_of_the_last_run_are_there_after_an_error(self, tmp_path: Path) -> None:
        def interrupted() -> None:
            with start(tmp_path / "out.jsonl") as spool:
                spool.append(map(row, range(5)))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        with start(tmp_path / "out.jsonl", resume=True) as spool:
            assert spool.done == 5
            assert all(map(same, spool.rows(), map(row, range(5))))

    def test_rows_whose_computation_fails_half_way_are_kept_up_to_there(self, tmp_path: Path) -> None:
        def rows() -> Iterator[Row]:
            yield from map(row, range(5))
            raise ConnectionError

        with pytest.raises(ConnectionError), start(tmp_path / "out.jsonl") as spool:
            spool.append(rows())
        with start(tmp_path / "out.jsonl", resume=True) as spool:
            assert spool.done == 5

    def test_memory_holds_no_more_rows_than_a_chunk(self, tmp_path: Path) -> None:
        on_disk = []
        with start(tmp_path / "out.jsonl", chunk_rows=4) as spool:

            def rows() -> Iterator[Row]:
                for index in range(10):
                    on_disk.append(len(list(partial_folder(tmp_path / "out.jsonl").glob("0*"))))
                    yield row(index)

            spool.append(rows())
        assert on_disk == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]

    def test_large_rows_do_not_wait_for_others(self, tmp_path: Path) -> None:
        chunks = Chunks(tmp_path, most_bytes=1000)
        chunks.append([{"x": np.zeros(1000)}, {"x": "A" * 1000}, {"x": [["A" * 1000]]}])
        assert len(list(tmp_path.glob("0*-1"))) == 3

    def test_rows_go_to_the_disk_when_time_has_passed(self, tmp_path: Path) -> None:
        chunks = Chunks(tmp_path, most_seconds=0)
        chunks.append([{"x": 1}])
        assert len(list(tmp_path.glob("0*-1"))) == 1

    def test_numbers_that_json_does_not_have_are_kept_as_numbers(self, tmp_path: Path) -> None:
        with start(tmp_path / "out.jsonl") as spool:
            spool.append([{"x": float("nan"), "text": "NaN", "huge": 2**63, "half": "\ud800"}])
            (read,) = spool.rows()
            assert str(read["x"]) == "nan"
            assert (read["text"], read["huge"], read["half"]) == ("NaN", 2**63, "\ud800")

    def test_row_that_cannot_be_kept_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="a row cannot be kept"), start(tmp_path / "out.jsonl") as spool:
            spool.append([{"x": {1, 2}}] * 3)


class TestOpening:
    def test_without_resume_what_is_there_is_thrown_away_and_counted(self, tmp_path: Path) -> None:
        with start(tmp_path / "out.jsonl") as spool:
            spool.append([row(0), row(1)])
        with start(tmp_path / "out.jsonl") as spool:
            assert (spool.discarded, spool.done) == (2, 0)

    def test_resume_where_nothing_is_there_starts_anew(self, tmp_path: Path) -> None:
        with start(tmp_path / "out.jsonl", resume=True) as spool:
            assert (spool.discarded, spool.done) == (0, 0)

    def test_resume_of_another_run_says_what_differs(self, tmp_path: Path) -> None:
        with start(tmp_path / "out.jsonl") as spool:
            spool.append([row(0)])
        other = RUN | {"options": {"pooling": "none", "layer": 3}, "input": "abd"}
        with pytest.raises(InputError, match="is of another run") as caught:
            start(tmp_path / "out.jsonl", resume=True, run=other)
        assert caught.value.cause == (
            "input was 'abc' and is 'abd' now; options.layer was None and is 3 now; "
            "options.pooling was 'mean' and is 'none' now"
        )
        with start(tmp_path / "out.jsonl", resume=True) as spool:
            assert spool.done == 1, "the refusal threw nothing away"

    def test_two_outputs_in_one_folder_do_not_meet(self, tmp_path: Path) -> None:
        with start(tmp_path / "a.jsonl") as first, start(tmp_path / "b.jsonl") as second:
            first.append([row(0)])
            assert (first.done, second.done) == (1, 0)

    def test_second_process_is_refused_while_the_first_writes(self, tmp_path: Path) -> None:
        code = "import sys; from repro.data.spool import Spool; Spool.open(sys.argv[1], {}, resume=True)"
        with start(tmp_path / "out.jsonl") as spool:
            spool.append([row(0)])
            done = subprocess.run(
                [sys.executable, "-c", code, str(tmp_path / "out.jsonl")], capture_output=True, text=True, check=False
            )
            assert done.returncode == 1
            assert "is being written by another process" in done.stderr
            with pytest.raises(OutputError, match="is being written by another process"):
                start(tmp_path / "out.jsonl")
        with start(tmp_path / "out.jsonl", resume=True) as spool:
            assert spool.done == 1

    def test_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="there is no folder"):
            start(tmp_path / "nowhere" / "out.jsonl")

    def test_disk_that_becomes_full_keeps_what_was_there(self, small_disk: Path) -> None:
        output = small_disk / "out.jsonl"
        with pytest.raises(OutputError, match="the disk is full"), start(output, chunk_rows=1) as spool:
            spool.append({"x": np.ones(1 << 17)} for _ in range(9))
        with start(output, resume=True) as spool:
            assert 1 <= spool.done < 9
            assert all(map(same, spool.rows(), [{"x": np.ones(1 << 17)}] * spool.done))


class TestWhatIsLeft:
    def test_nothing_after_remove(self, tmp_path: Path) -> None:
        with start(tmp_path / "out.jsonl") as spool:
            spool.append([row(0)])
            write_records(tmp_path / "out.jsonl", spool.rows())
            spool.remove()
        assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]

    def test_partial_output_alone_after_an_interruption(self, tmp_path: Path) -> None:
        with start(tmp_path / "out.jsonl") as spool:
            spool.append([row(0)])
        assert [file.name for file in tmp_path.iterdir()] == [".out.jsonl.repro-partial"]

    def test_nothing_of_a_run_that_came_to_nothing(self, tmp_path: Path) -> None:
        with start(tmp_path / "out.jsonl"):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_half_written_files_of_a_killed_process_are_cleared_away(self, tmp_path: Path) -> None:
        (tmp_path / ".out.jsonl.0a1b2c3d.part").write_text("half")
        (tmp_path / ".out.jsonl.abc.part").mkdir()
        (tmp_path / ".other.jsonl.0a1b2c3d.part").write_text("not ours")
        with start(tmp_path / "out.jsonl") as spool:
            spool.remove()
        assert [file.name for file in tmp_path.iterdir()] == [".other.jsonl.0a1b2c3d.part"]

    @pytest.mark.parametrize("damage", ["run.json", "00000001-3"])
    def test_folder_that_was_being_removed_when_the_process_was_killed_counts_for_what_is_whole(
        self, tmp_path: Path, damage: str
    ) -> None:
        with start(tmp_path / "out.jsonl") as spool:
            spool.append([row(index) for index in range(9)])
        target = partial_folder(tmp_path / "out.jsonl") / damage
        target.rename(tmp_path / "gone")
        with start(tmp_path / "out.jsonl", resume=True) as spool:
            assert spool.done == (3 if target.name.startswith("0") else 0)
            spool.append([row(index) for index in range(spool.done, 9)])
            assert all(map(same, spool.rows(), map(row, range(9))))

    @pytest.mark.parametrize("name", ["rows.jsonl", "rows.mean.npy"])
    def test_chunk_that_was_damaged_is_told(self, tmp_path: Path, name: str) -> None:
        with start(tmp_path / "out.jsonl", chunk_rows=100) as spool:
            spool.append([row(index) for index in range(9)])
        file = partial_folder(tmp_path / "out.jsonl") / "00000000-9" / name
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        with start(tmp_path / "out.jsonl", resume=True) as spool, pytest.raises(OutputError, match="damaged"):
            list(spool.rows())


RUN_PROGRAM = """
import importlib.util, sys, time
from pathlib import Path
from repro.data.spool import Spool
from repro.data.writers import write_records

test, output, total, pause = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
spec = importlib.util.spec_from_file_location("spool_test", test)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with Spool.open(output, module.RUN, resume=True, chunk_rows=5) as spool:
    print("started", spool.done, flush=True)
    for index in range(spool.done, total):
        spool.append([module.row(index)])
        time.sleep(pause)
    write_records(output, spool.rows())
    spool.remove()
"""


class TestKilledAtAnyMoment:
    def begin(self, output: Path, pause: float) -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", RUN_PROGRAM, __file__, str(output), str(TOTAL), str(pause)]
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_resumed_run_writes_what_an_undisturbed_one_does(self, tmp_path: Path, name: str) -> None:
        write_records(tmp_path / f"undisturbed.{name}", [row(index) for index in range(TOTAL)])
        output = tmp_path / name
        moments = random.Random(name)
        already = [0]
        for _ in range(4):
            process = self.begin(output, pause=0.001)
            assert process.stdout is not None
            already.append(int(process.stdout.readline().split()[1]))
            time.sleep(moments.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            if output.exists():
                break
        assert already == sorted(already), "what was done stays done"
        last = self.begin(output, pause=0)
        last.communicate(timeout=SLOWEST_START_S)
        assert last.returncode == 0
        assert output.read_bytes() == (tmp_path / f"undisturbed.{name}").read_bytes()
        assert sorted(os.listdir(tmp_path)) == sorted([name, f"undisturbed.{name}"])  # noqa: PTH208


def test_sha256_is_of_the_bytes_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
