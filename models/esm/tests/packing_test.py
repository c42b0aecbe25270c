"""Which sequences go through the model together, and what the machine allows."""

from __future__ import annotations

import pytest

from models.esm.tests import container

checkpoints = container.checkpoints
container_module = container.container_module
probe = container.probe


def test_sequences_fill_a_batch_up_to_the_budget_and_none_is_padded(probe, checkpoints):
    sequences = ["A" * length for length in (8, 3, 8, 30, 5)]

    told = probe.passes(path=checkpoints["esm2"], sequences=sequences, budget=24)

    # With their ends: 10 + 5 (a third would be too much), 10, 32 alone, 7; within a batch by length.
    assert told["batches"] == [[5, 10], [32], [7]]
    assert told["results"] == 5


def test_equal_sequences_are_computed_once(probe, checkpoints):
    told = probe.passes(path=checkpoints["esm2"], sequences=["MKTA", "MK", "MKTA", "MKTA", "MK"])

    assert told["batches"] == [[4, 6]]
    assert told["results"] == 5


def test_a_batch_for_which_memory_does_not_suffice_is_halved_and_the_budget_stays_so(probe, checkpoints):
    sequences = ["A" * 8 + letters for letters in ("CD", "EF", "GH", "IK", "LM", "NP", "QR", "ST")]

    told = probe.passes(path=checkpoints["esm2"], sequences=sequences, budget=96, fails_above=30)

    assert told["batches"] == [[12, 12]] * 4
    assert told["budget"] == 24
    assert told["results"] == 8


def test_a_sequence_for_which_memory_does_not_suffice_alone_is_told(probe, checkpoints):
    with pytest.raises(Exception, match="not enough memory for one sequence of 42 tokens") as caught:
        probe.passes(path=checkpoints["esm2"], sequences=["A" * 40], fails_above=30)

    assert caught.value.kind == "MemoryError"


@pytest.mark.parametrize(("width", "tokens"), [(320, 1024), (640, 1024), (1280, 4096), (2560, 4096)])
def test_a_batch_of_a_wide_model_has_more_tokens_on_a_cpu(container_module, width, tokens):
    assert container_module("packing").Budget.from_free_memory("cpu", width, bytes_per_token=1).tokens == tokens


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


@pytest.fixture
def own(tmp_path):
    file = tmp_path / "own"
    file.write_text("5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/docker/abc\n")
    return file


@pytest.fixture(autouse=True)
def _many_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)), raising=False)


@pytest.mark.parametrize(("maximum", "threads"), [("max 100000", 16), ("150000 100000", 2), ("5000 100000", 1)])
def test_threads_are_those_that_the_quota_of_version_2_pays_for(container_module, tmp_path, own, maximum, threads):
    write(tmp_path / "docker" / "abc", cpu__max=maximum)

    assert container_module("cgroup").cpu_count(tmp_path, own) == threads


def test_a_quota_of_the_group_above_holds_too(container_module, tmp_path, own):
    write(tmp_path / "docker", cpu__max="300000 100000")
    write(tmp_path / "docker" / "abc", cpu__max="max 100000")

    assert container_module("cgroup").cpu_count(tmp_path, own) == 3


@pytest.mark.parametrize(("quota", "threads"), [("-1", 16), ("400000", 4)])
def test_threads_are_those_that_the_quota_of_version_1_pays_for(container_module, tmp_path, own, quota, threads):
    # As seen from inside a container: its own group is mounted where the root would be.
    write(tmp_path / "cpu,cpuacct", cpu__cfs_quota_us=quota, cpu__cfs_period_us="100000")

    assert container_module("cgroup").cpu_count(tmp_path, own) == threads


def test_without_groups_threads_are_the_cores_that_the_process_may_use(container_module, tmp_path):
    assert container_module("cgroup").cpu_count(tmp_path, tmp_path / "missing") == 16


def test_memory_that_is_left_is_the_least_that_machine_and_groups_allow(container_module, tmp_path, own):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable: 8000 kB\n")
    left = container_module("cgroup").memory_left_bytes
    assert left(tmp_path, own, meminfo) == 8000 * 1024

    stat = "anon 100\ninactive_file 1000\n"
    write(tmp_path / "docker" / "abc", memory__max="5000000", memory__current="2000000", memory__stat=stat)
    assert left(tmp_path, own, meminfo) == 3_001_000

    write(tmp_path / "memory", memory__limit_in_bytes="1000000", memory__usage_in_bytes="900000")
    assert left(tmp_path, own, meminfo) == 100_000

    write(tmp_path / "memory", memory__limit_in_bytes=str(2**63 - 4096), memory__usage_in_bytes="900000")
    assert left(tmp_path, own, meminfo) == 3_001_000
