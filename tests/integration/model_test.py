"""A model as a user calls it, in each runtime."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from repro.errors import (
    DeviceError,
    ModelNotFoundError,
    NotSetUpError,
    OutOfMemoryError,
    PredictionError,
    RecordError,
    RuntimeUnavailableError,
    SessionClosedError,
    SettingsError,
)
from repro.model import Model
from repro.runtimes.base import ModelSpec, Runtime
from tests.integration.misbehaving_model import FOLDER, MisbehavingModel

GOOD = {"do": "reverse", "text": "abc"}


@pytest.fixture
def where(runtime: Runtime, ready_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
    return {"runtime": runtime.name, "image": ready_spec.image}


@pytest.fixture
def model(where: dict[str, str]) -> Iterator[MisbehavingModel]:
    with MisbehavingModel(**where) as model:
        assert isinstance(model, MisbehavingModel)
        yield model


@pytest.fixture
def idle_model(monkeypatch: pytest.MonkeyPatch) -> MisbehavingModel:
    """A model that is never started."""
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", "/nowhere/python")
    return MisbehavingModel(runtime="local")


class TestCalls:
    def test_one_record_gives_one_result(self, model: MisbehavingModel) -> None:
        assert model.predict(GOOD) == {"output": "cba"}

    def test_many_records_give_as_many_results_in_order(self, model: MisbehavingModel) -> None:
        records = [{"do": "reverse", "text": str(number)} for number in range(100)]

        assert model.predict_batch(records) == [{"output": str(number)[::-1]} for number in range(100)]
        assert model.session.starts == 1

    def test_no_records_give_no_results_and_start_nothing(self, model: MisbehavingModel) -> None:
        assert model.predict_batch([]) == []
        assert model.session.starts == 0

    def test_a_stream_takes_any_iterable_and_no_more_of_it_than_it_needs(self, model: MisbehavingModel) -> None:
        pulled: list[int] = []

        def source() -> Iterator[dict[str, Any]]:
            for number in range(10_000):
                pulled.append(number)
                yield {"do": "reverse", "text": str(number)}

        stream = model.stream(source())

        assert [next(stream)["output"] for _ in range(3)] == ["0", "1", "2"]
        assert len(pulled) <= 4 * MisbehavingModel.batch_size

    def test_a_parameter_holds_for_its_call(self, model: MisbehavingModel) -> None:
        assert model.predict(GOOD, suffix="!") == {"output": "cba!"}
        assert model.predict(GOOD) == {"output": "cba"}
        assert list(model.stream([GOOD], suffix="?")) == [{"output": "cba?"}]

    def test_a_parameter_of_the_constructor_holds_for_all_calls(self, where: dict[str, str]) -> None:
        with MisbehavingModel(suffix="!", **where) as model:
            assert model.predict(GOOD) == {"output": "cba!"}
            assert model.predict(GOOD, suffix="?") == {"output": "cba?"}
            assert model.options == {"at_load": "", "seconds": 0.0, "suffix": "!"}

    def test_arrays_go_in_and_come_out(self, model: MisbehavingModel) -> None:
        import numpy

        (found,) = model.predict_batch([{"do": "echo", "value": numpy.arange(5)}])

        assert found["value"].tolist() == [0, 1, 2, 3, 4]

    def test_ping_says_what_the_worker_is(self, model: MisbehavingModel) -> None:
        assert model.ping()["device"] == "cpu"

    def test_decode_makes_the_result_of_an_answer(self, where: dict[str, str]) -> None:
        class Text(MisbehavingModel):
            def decode(self, answer: dict[str, Any]) -> Any:
                return answer["output"]

        with Text(**where) as model:
            records = [GOOD, {"do": "raise"}, GOOD]
            found = model.predict_batch(records, on_error="return")

        assert found[0::2] == ["cba", "cba"]
        assert isinstance(found[1], PredictionError)


class TestRecordsThatFail:
    RECORDS = ({"do": "reverse", "text": "1"}, {"do": "raise", "text": "2"}, {"do": "yield-error"}, GOOD)

    def test_by_default_the_first_one_raises(self, model: MisbehavingModel) -> None:
        with pytest.raises(PredictionError, match="record 1: the model raised ValueError") as caught:
            model.predict_batch(list(self.RECORDS))

        assert caught.value.index == 1
        assert model.predict(GOOD) == {"output": "cba"}
        assert model.session.starts == 1

    def test_on_request_each_error_stands_in_its_place(self, model: MisbehavingModel) -> None:
        found = model.predict_batch(list(self.RECORDS), on_error="return")

        assert [type(result).__name__ for result in found] == ["dict", "PredictionError", "PredictionError", "dict"]
        assert [found[index].index for index in (1, 2)] == [1, 2]

    def test_in_a_stream_indices_count_from_its_beginning(self, model: MisbehavingModel) -> None:
        records = [GOOD] * 17 + [{"do": "raise"}]

        found = list(model.stream(iter(records), on_error="return"))

        assert found[-1].index == 17

    def test_a_record_that_kills_its_worker_stands_in_its_place_too(self, model: MisbehavingModel) -> None:
        found = model.predict_batch([GOOD, {"do": "exit0"}, GOOD], on_error="return")

        assert [type(result).__name__ for result in found] == ["dict", "WorkerCrashedError", "dict"]

    def test_another_way_to_take_errors_is_refused(self, model: MisbehavingModel) -> None:
        with pytest.raises(SettingsError, match="on_error='ignore'"):
            model.predict_batch([GOOD], on_error="ignore")  # type: ignore[arg-type]

        assert model.session.starts == 0


class TestChecksBeforeAnythingStarts:
    @pytest.mark.parametrize(
        ("record", "key", "said"),
        [
            ({"text": "a"}, "do", "the key 'do' is missing"),
            ({"do": "reverse", "txt": "a"}, "txt", "the key 'txt' is not known"),
            ({"do": 7}, "do", "input should be a valid string, not 7"),
            ({"do": ""}, "do", "at least 1 character"),
            ({"do": "sleep", "seconds": "1"}, "seconds", "valid number, not '1'"),
            ({"do": "allocate", "megabytes": True}, "megabytes", "valid integer, not True"),
            ("reverse", None, "valid dictionary"),
        ],
    )
    def test_a_record_that_does_not_fit_is_named_by_index_and_key(
        self, idle_model: MisbehavingModel, record: Any, key: str | None, said: str
    ) -> None:
        with pytest.raises(RecordError, match="record 5: ") as caught:
            idle_model.predict_batch([GOOD] * 5 + [record])

        assert said in caught.value.message
        assert (caught.value.index, caught.value.key) == (5, key)
        assert "_session" not in vars(idle_model)

    def test_the_last_record_of_many_is_checked_before_the_first_is_sent(self, idle_model: MisbehavingModel) -> None:
        with pytest.raises(RecordError, match="record 99999: "):
            idle_model.predict_batch([GOOD] * 99_999 + [{}])

    def test_a_stream_names_the_index_from_its_beginning(self, model: MisbehavingModel) -> None:
        found = []

        with pytest.raises(RecordError, match="record 42: "):
            for result in model.stream([GOOD] * 42 + [{}]):
                found.append(result)

    @pytest.mark.parametrize(
        ("keywords", "said", "fix"),
        [
            ({"sufix": "a"}, "no option 'sufix'", "did you mean 'suffix'?"),
            ({"memroy": "1g"}, "no option 'memroy'", "did you mean 'memory'?"),
            ({"seconds": "soon"}, "the option 'seconds'", "repro info"),
            ({"runtime": "podman"}, "runtime='podman'", "docker, local"),
            ({"device": -2}, "device=-2", "-1 for the CPU"),
            ({"device": "cuda"}, "device='cuda'", "-1 for the CPU"),
            ({"batch_size": 0}, "batch_size=0", "batch_size"),
            ({"cpus": -1}, "cpus=-1", "number of cores"),
            ({"call_timeout_s": 0}, "call_timeout_s=0", "call_timeout_s"),
            ({"memory": "much"}, "'much' is no size", "512m"),
        ],
    )
    def test_an_option_that_does_not_fit_is_refused_at_once(
        self, keywords: dict[str, Any], said: str, fix: str
    ) -> None:
        with pytest.raises(SettingsError) as caught:
            MisbehavingModel(**keywords)

        assert said in caught.value.message
        assert fix in caught.value.fix

    def test_a_parameter_that_is_none_is_refused_before_anything_starts(self, model: MisbehavingModel) -> None:
        with pytest.raises(SettingsError, match="no option 'sufix'"):
            model.predict(GOOD, sufix="!")
        with pytest.raises(SettingsError, match="fixed when the worker starts"):
            model.predict(GOOD, seconds=1.0)

        assert model.session.starts == 0

    def test_a_variant_that_is_none_is_refused(self) -> None:
        with pytest.raises(ModelNotFoundError, match="no variant 'large'"):
            MisbehavingModel(variant="large")


class TestLife:
    def test_nothing_starts_at_construction(self, idle_model: MisbehavingModel) -> None:
        assert "_session" not in vars(idle_model)
        assert idle_model._runtime is None

    def test_the_end_of_the_block_ends_the_worker(self, where: dict[str, str]) -> None:
        with MisbehavingModel(**where) as model:
            model.predict(GOOD)
            assert model.session.is_warm

        assert not model.session.is_warm
        with pytest.raises(SessionClosedError):
            model.predict(GOOD)

    def test_closing_before_any_call_and_twice_is_fine(self, where: dict[str, str]) -> None:
        model = MisbehavingModel(**where)

        model.close()
        model.close()

    def test_idle_time_is_an_option(self, where: dict[str, str]) -> None:
        from tests.integration.hosts import wait_for

        with MisbehavingModel(idle_timeout_s=0.1, **where) as model:
            model.predict(GOOD)
            wait_for(lambda: not model.session.is_warm, 20, "the idle worker is stopped")
            assert model.predict(GOOD) == {"output": "cba"}


class TestProgress:
    def test_a_bar_is_shown_on_request_and_holds_the_rate(
        self, model: MisbehavingModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        shown = Terminal()
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(sys, "stderr", shown)

        model.predict_batch([{"do": "sleep", "seconds": 0.01}] * 40, progress=True)

        assert "40/40" in shown.getvalue()
        assert "records/s" in shown.getvalue()

    def test_where_nobody_looks_on_there_is_none(
        self, model: MisbehavingModel, capsys: pytest.CaptureFixture[str]
    ) -> None:
        model.predict_batch([GOOD] * 40)

        assert capsys.readouterr() == ("", "")


class TestPlaces:
    def test_the_runtime_of_the_environment_is_taken(
        self, where: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REPRO_RUNTIME", where["runtime"])

        with MisbehavingModel(image=where["image"]) as model:
            model.predict(GOOD)
            assert model.runtime.name == where["runtime"]

    def test_by_default_docker_is_taken_where_an_engine_answers(
        self, misbehaving_image: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with MisbehavingModel(image=misbehaving_image) as model:
            assert model.runtime.name == "docker"

    def test_where_no_engine_answers_local_is_taken_and_the_log_says_why(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        caplog.set_level("INFO", "repro")

        assert MisbehavingModel().runtime.name == "local"
        assert "runtime: local (no Docker engine answers at unix:///nowhere/docker.sock" in caplog.text

    def test_an_engine_that_is_asked_for_and_not_there_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

        with pytest.raises(RuntimeUnavailableError, match="the runtime docker cannot be used"):
            MisbehavingModel(runtime="docker").predict(GOOD)

    def test_what_is_not_set_up_names_the_command(self, runtime: Runtime) -> None:
        with pytest.raises(NotSetUpError, match=f"repro setup misbehaving --runtime {runtime.name}"):
            MisbehavingModel(runtime=runtime.name, image="repro-tests/absent:1.0").predict(GOOD)

    def test_a_gpu_that_is_not_there_is_an_error(self, where: dict[str, str]) -> None:
        if Path("/dev/nvidiactl").exists():
            pytest.skip("this machine has a GPU")

        with pytest.raises(DeviceError, match=r"device=-1|GPU 0"):
            MisbehavingModel(device=0, **where).predict(GOOD)

    def test_limits_and_mounts_reach_the_container(self, misbehaving_image: str, tmp_path: Path) -> None:
        (tmp_path / "file.txt").write_text("there")
        code = "answer = open('/data/file.txt').read()"

        with MisbehavingModel(
            runtime="docker", image=misbehaving_image, memory="64m", cpus=1, shm="16m", mounts={tmp_path: "/data"}
        ) as model:
            assert model.predict({"do": "python", "code": code}) == {"value": "there"}
            with pytest.raises(OutOfMemoryError):
                model.predict({"do": "allocate", "megabytes": 500})


class TestTheClassicForm:
    def test_a_class_of_the_tutorials_kind_streams_through_its_predict_batch(self) -> None:
        class Classic(Model):
            default_image = "none:1.0"
            folder = FOLDER
            batch_size = 3
            calls: list[int] = []  # noqa: RUF012

            def predict_batch(self, inputs: list[dict[str, Any]], **kwargs: Any) -> list[str]:  # type: ignore[override]
                self.calls.append(len(inputs))
                return [one["text"][::-1] + kwargs.get("suffix", "") for one in inputs]

        model = Classic()

        found = list(model.stream(({"text": str(n)} for n in range(10, 18)), suffix="!"))

        assert found == [f"{n}"[::-1] + "!" for n in range(10, 18)]
        assert Classic.calls == [3, 3, 2]

    def test_a_model_without_a_schema_takes_any_record(self, where: dict[str, str]) -> None:
        class Free(MisbehavingModel):
            Inputs = None

        with Free(**where) as model:
            assert model.predict({"do": "echo", "value": 1, "whatever": {"else": 2}}) == {"value": 1}

    def test_validators_of_a_models_own_are_asked(self) -> None:
        from pydantic import field_validator

        class Sequences(BaseModel):
            sequence: str

            @field_validator("sequence")
            @classmethod
            def known_residues(cls, value: str) -> str:
                if set(value) - set("ACDEFGHIKLMNPQRSTVWY"):
                    raise ValueError("a residue is not known")
                return value

        class Checked(MisbehavingModel):
            Inputs = Sequences

        with pytest.raises(RecordError, match="a residue is not known"):
            Checked(runtime="local").predict_batch([{"sequence": "MKT"}, {"sequence": "MKX1"}])
