"""What a worker says of itself, and what of it is believed."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from repro.guest import facts
from repro.provenance.manifest import WorkerFacts
from repro.provenance.recording import describe_worker

RUNNER = SimpleNamespace(
    device="cpu", options=argparse.Namespace(greeting="dear", weights_dir="/weights", device="cpu")
)


def test_worker_tells_what_its_numbers_may_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MKL_NUM_THREADS", "many")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    told = facts.describe(RUNNER)
    assert json.loads(json.dumps(told)) == told
    assert told["python"] == platform.python_version()
    assert told["libraries"]["numpy"]["version"] == np.__version__
    assert told["threads"]["OMP_NUM_THREADS"] == 3
    assert "MKL_NUM_THREADS" not in told["threads"]
    assert told["options"] == {"greeting": "dear"}
    assert told["device_name"]


def test_library_of_an_odd_version_keeps_nobody_from_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = ModuleType("torch")
    torch.__dict__.update(get_num_threads=lambda: 2, get_num_interop_threads=lambda: 1, __version__="0.1")
    monkeypatch.setitem(sys.modules, "torch", torch)
    told = facts.describe(RUNNER)
    assert told["threads"]["torch"] == 2
    assert told["libraries"]["torch"]["not known"].startswith("AttributeError")


def test_worker_that_says_little_is_believed_as_far_as_it_goes() -> None:
    assert describe_worker({"node": "v20.0.0"}) == WorkerFacts()
    assert describe_worker({}) is None


def test_what_is_not_as_it_should_be_is_left_out() -> None:
    told = describe_worker(
        {"device": 7, "threads": {"a": "b", "c": 2}, "libraries": [1], "packages": {"x": 1.5}, "options": None}
    )
    assert told == WorkerFacts(device="7", threads={"c": 2}, packages={"x": "1.5"})
