"""An index names the GPU that the scheduler has given; one that is not there is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.errors import DeviceError, SettingsError
from repro.runtimes.base import Device
from repro.runtimes.container import device_error
from repro.runtimes.gpu import check_gpu, physical_gpu


def _with_tool(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_without_a_scheduler_an_index_is_the_drivers() -> None:
    assert physical_gpu(Device(2), {}) == "2"


def test_a_scheduler_may_name_gpus_by_their_uuid() -> None:
    assert physical_gpu(Device(1), {"CUDA_VISIBLE_DEVICES": "GPU-aaa, GPU-bbb"}) == "GPU-bbb"


@pytest.mark.parametrize("visible", ["", "0"])
def test_an_index_beyond_what_is_visible_is_refused(visible: str) -> None:
    with pytest.raises(DeviceError, match="CUDA_VISIBLE_DEVICES"):
        physical_gpu(Device(1), {"CUDA_VISIBLE_DEVICES": visible})


def test_no_driver_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DeviceError, match="no nvidia-smi"):
        check_gpu(Device(0))


def test_too_high_an_index_is_told_with_how_many_there_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with_tool(tmp_path, monkeypatch, "echo 'GPU 0: H100 (UUID: GPU-1)'; echo 'GPU 1: H100 (UUID: GPU-2)'")

    check_gpu(Device(1))
    with pytest.raises(DeviceError, match="GPU 2 was asked for and this machine has 2"):
        check_gpu(Device(2))


def test_what_a_broken_driver_says_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _with_tool(tmp_path, monkeypatch, "echo 'Driver/library version mismatch' >&2; exit 18")

    with pytest.raises(DeviceError) as caught:
        check_gpu(Device(0))
    assert "version mismatch" in caught.value.cause


@pytest.mark.parametrize("index", [-2, "0", True, 1.0])
def test_what_is_no_index_is_refused(index: object) -> None:
    with pytest.raises(SettingsError, match="no index of a GPU"):
        Device(index)  # type: ignore[arg-type]


def test_engine_of_a_machine_without_a_driver_is_not_told_to_get_the_toolkit_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("repro.runtimes.gpu._DRIVER", tmp_path / "none")
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")

    error = device_error("GPU 0", "could not select device driver")

    assert "this machine has no NVIDIA GPU, or no driver for it" in error.message
    assert error.fix.startswith("use the CPU (--device -1")


def test_engine_elsewhere_is_told_to_get_the_toolkit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.invalid:2375")

    assert device_error("GPU 0", "no device driver").fix.startswith("install the NVIDIA container toolkit")
