"""Which cells may run at a time."""

from __future__ import annotations

import pytest

from repro.benchmarks.resources import Machine, Needs, Pool, Share
from repro.benchmarks.spec import ANY_GPU

GIB = 1 << 30


def taken(pool: Pool, needs: Needs) -> Share:
    share = pool.take(needs)
    assert share is not None
    return share


def test_cells_share_memory_and_the_next_one_waits() -> None:
    pool = Pool(Machine(8 * GIB, 8))
    first = taken(pool, Needs(memory_bytes=5 * GIB, cpus=1))
    assert pool.take(Needs(memory_bytes=4 * GIB, cpus=1)) is None
    taken(pool, Needs(memory_bytes=3 * GIB, cpus=1))
    pool.give_back(first)
    taken(pool, Needs(memory_bytes=4 * GIB, cpus=1))


def test_cells_share_cores() -> None:
    pool = Pool(Machine(8 * GIB, 2))
    taken(pool, Needs(memory_bytes=1, cpus=1.5))
    assert pool.take(Needs(memory_bytes=1, cpus=1)) is None
    taken(pool, Needs(memory_bytes=1, cpus=0.5))


@pytest.mark.parametrize(("cpus", "at_a_time"), [(1, 1), (2, 2), (4, 4), (64, 4)])
def test_cells_that_say_nothing_share_the_machine_by_four_at_most(cpus: float, at_a_time: int) -> None:
    pool = Pool(Machine(8 * GIB, cpus))
    shares = [pool.take(Needs()) for _ in range(10)]
    assert sum(share is not None for share in shares) == at_a_time


def test_cell_that_needs_more_than_there_is_runs_alone() -> None:
    pool = Pool(Machine(8 * GIB, 2))
    huge = taken(pool, Needs(memory_bytes=64 * GIB, cpus=16))
    assert pool.take(Needs(memory_bytes=1, cpus=0.1)) is None
    pool.give_back(huge)
    taken(pool, Needs(memory_bytes=1, cpus=0.1))
    assert pool.take(Needs(memory_bytes=64 * GIB)) is None


def test_cell_on_a_gpu_holds_it() -> None:
    pool = Pool(Machine(64 * GIB, 16, devices=(0, 1)))
    small = {"memory_bytes": 1, "cpus": 1.0}
    first = taken(pool, Needs(**small, device=ANY_GPU))
    assert first.device == 0
    assert taken(pool, Needs(**small, device=1)).device == 1
    assert pool.take(Needs(**small, device=ANY_GPU)) is None
    assert pool.take(Needs(**small, device=0)) is None
    assert taken(pool, Needs(**small)).device == -1
    pool.give_back(first)
    assert taken(pool, Needs(**small, device=ANY_GPU)).device == 0
