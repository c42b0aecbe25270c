"""Several workers of one model as if they were one, in each runtime."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from repro.errors import (
    PredictionError,
    RecordError,
    ReproError,
    SessionClosedError,
    SettingsError,
    WorkerCrashedError,
    WorkerStartError,
)
from repro.parallel import ParallelModel
from repro.runtimes.base import ModelSpec, Runtime
from tests.integration.misbehaving_model import MisbehavingModel

RECORDS = [{"do": "reverse", "text": f"{number:03d}"} for number in range(200)]
RESULTS = [{"output": f"{number:03d}"[::-1]} for number in range(200)]


@pytest.fixture
def where(runtime: Runtime, ready_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
    return {"runtime": runtime.name, "image": ready_spec.image}


@pytest.fixture
def pair(where: dict[str, Any]) -> Iterator[ParallelModel]:
    with ParallelModel(MisbehavingModel, 2, **where) as pair:
        yield pair


def test_results_come_in_input_order_as_one_list_and_all_workers_work(pair: ParallelModel) -> None:
    records = [{**record, "do": "slow-reverse"} for record in RECORDS]

    assert pair.predict_batch(records) == RESULTS
    assert [model.session.starts for model in pair.models] == [1, 1]


def test_a_stream_comes_in_order_and_takes_no_more_than_it_needs(pair: ParallelModel) -> None:
    pulled = 0

    def source() -> Iterator[dict[str, Any]]:
        nonlocal pulled
        for record in RECORDS * 10:
            pulled += 1
            yield record

    stream = pair.stream(source())

    assert [next(stream) for _ in range(10)] == RESULTS[:10]
    assert pulled <= 10 * MisbehavingModel.batch_size
    assert [next(stream) for _ in range(90)] == RESULTS[10:100]


def test_one_record_is_answered(pair: ParallelModel) -> None:
    assert pair.predict(RECORDS[0]) == RESULTS[0]


def test_no_records_give_no_results_and_start_nothing(pair: ParallelModel) -> None:
    assert pair.predict_batch([]) == []
    assert [model.session.starts for model in pair.models] == [0, 0]


def test_keywords_of_a_call_are_passed_on(pair: ParallelModel) -> None:
    found = pair.predict_batch(RECORDS, suffix="!")

    assert found == [{"output": result["output"] + "!"} for result in RESULTS]
    assert pair.predict(RECORDS[0], suffix="?") == {"output": "000?"}
    assert list(pair.stream(RECORDS[:3], suffix="?")) == [{"output": r["output"] + "?"} for r in RESULTS[:3]]


def test_each_worker_may_have_keywords_of_its_own(where: dict[str, Any]) -> None:
    each = [{"suffix": "a"}, {"suffix": "b"}]

    with ParallelModel(MisbehavingModel, kwargs_list=each, **where) as pair:
        found = pair.predict_batch([{**record, "do": "slow-reverse"} for record in RECORDS])

    assert [result["output"][:-1] for result in found] == [result["output"] for result in RESULTS]
    assert {result["output"][-1] for result in found} == {"a", "b"}


def test_one_worker_a_device(where: dict[str, Any]) -> None:
    with ParallelModel(MisbehavingModel, devices=[-1, -1, -1], **where) as three:
        assert len(three.models) == 3
        assert three.predict_batch(RECORDS[:5]) == RESULTS[:5]


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"devices": []},
        {"num_models": 3, "devices": [-1]},
        {"devices": [-1], "kwargs_list": [{}]},
        {"num_models": 0},
    ],
)
def test_workers_that_are_not_described_are_refused(keywords: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        ParallelModel(MisbehavingModel, **keywords)


def test_a_slow_worker_holds_up_nobody_and_nothing_is_reordered(pair: ParallelModel) -> None:
    records = [{"do": "sleep", "seconds": 1.0}, *RECORDS]

    found = pair.predict_batch(records)

    assert found == [{"slept": 1.0}, *RESULTS]


def test_a_worker_that_crashes_loses_and_reorders_nothing(pair: ParallelModel) -> None:
    records = [*RECORDS[:50], {"do": "kill9-once"}, *RECORDS[50:]]

    found = pair.predict_batch(records)

    assert found == [*RESULTS[:50], {"output": "survived"}, *RESULTS[50:]]
    assert sum(model.session.starts for model in pair.models) == 3


def test_a_record_that_kills_every_worker_is_named(pair: ParallelModel) -> None:
    records = [*RECORDS[:50], {"do": "exit0"}, *RECORDS[50:]]

    found = pair.predict_batch(records, on_error="return")

    assert isinstance(found[50], WorkerCrashedError)
    assert "record 50" in found[50].message
    assert [*found[:50], *found[51:]] == RESULTS


def test_errors_name_the_index_in_the_whole_input(pair: ParallelModel) -> None:
    records = [*RECORDS[:150], {"do": "raise"}, *RECORDS[150:]]

    with pytest.raises(PredictionError, match="record 150: "):
        pair.predict_batch(records)
    found = pair.predict_batch(records, on_error="return")

    assert found[150].index == 150
    assert [*found[:150], *found[151:]] == RESULTS


def test_all_records_are_checked_before_any_worker_starts(pair: ParallelModel) -> None:
    with pytest.raises(RecordError, match="record 200: "):
        pair.predict_batch([*RECORDS, {}])

    assert [model.session.starts for model in pair.models] == [0, 0]


def test_a_stream_names_the_index_of_a_record_that_does_not_fit(pair: ParallelModel) -> None:
    with pytest.raises(RecordError, match="record 120: "):
        list(pair.stream([*RECORDS[:120], {}]))


def test_a_worker_that_cannot_start_leaves_its_records_to_the_others(where: dict[str, Any]) -> None:
    each = [{"at_load": "raise"}, {}, {"at_load": "exit0"}]

    with ParallelModel(MisbehavingModel, kwargs_list=each, **where) as three:
        assert three.predict_batch(RECORDS) == RESULTS
        assert [model.session.starts for model in three.models] == [0, 1, 0]


def test_where_no_worker_can_start_the_reason_is_told(where: dict[str, Any]) -> None:
    with ParallelModel(MisbehavingModel, 2, at_load="raise", **where) as pair:
        with pytest.raises(WorkerStartError, match="the model cannot take None"):
            pair.predict_batch(RECORDS)


def test_a_call_after_one_that_failed_works(pair: ParallelModel) -> None:
    with pytest.raises(PredictionError):
        pair.predict_batch([{"do": "raise"}] * 10)

    assert pair.predict_batch(RECORDS) == RESULTS


def test_a_stream_may_be_left_in_the_middle(pair: ParallelModel) -> None:
    stream = pair.stream(RECORDS * 100)
    next(stream)
    del stream

    assert pair.predict_batch(RECORDS) == RESULTS


def test_after_close_it_is_an_error(where: dict[str, Any]) -> None:
    pair = ParallelModel(MisbehavingModel, 2, **where)
    pair.predict_batch(RECORDS[:4])
    pair.close()
    pair.close()

    with pytest.raises(SessionClosedError) as caught:
        pair.predict_batch(RECORDS[:4])

    assert isinstance(caught.value, ReproError)
    assert not any(model.session.is_warm for model in pair.models)
