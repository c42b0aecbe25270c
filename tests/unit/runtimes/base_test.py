"""Sizes, limits and devices as people write them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from repro.errors import SettingsError
from repro.runtimes.base import Device, Limits, parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("512", 512),
        ("1k", 1024),
        ("64m", 64 << 20),
        ("64M", 64 << 20),
        ("64 MiB", 64 << 20),
        ("64MB", 64 << 20),
        ("1.5g", 3 << 29),
        (" 2T ", 2 << 40),
        (4096, 4096),
    ],
)
def test_a_size_is_taken_as_people_write_it(text: str | int, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "much", "-1g", "1gg", "1 g 2", "g", "1,5g", "0", "0.0001k", 0, -5])
def test_what_is_no_size_is_refused(text: str | int) -> None:
    with pytest.raises(SettingsError, match="is no size"):
        parse_size(text)


def test_limits_are_read_and_what_is_left_out_is_the_default() -> None:
    assert Limits.of("1g", 0.5, None) == Limits(memory_bytes=1 << 30, cpus=0.5)
    assert Limits.of(None, None, "2g") == Limits(shm_bytes=2 << 30)


@pytest.mark.parametrize("cpus", [0, -1, math.nan, math.inf])
def test_a_number_of_cores_that_is_none_is_refused(cpus: float) -> None:
    with pytest.raises(SettingsError, match="cpus"):
        Limits.of(None, cpus, None)


@pytest.mark.parametrize("index", [-2, "0", 1.0, True, None])
def test_what_is_no_index_of_a_gpu_is_refused(index: Any) -> None:
    with pytest.raises(SettingsError, match="no index of a GPU"):
        Device(index)


def test_a_device_is_called_by_its_name() -> None:
    assert [str(Device(-1)), str(Device(3))] == ["CPU", "GPU 3"]
