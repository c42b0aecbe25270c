"""ParallelModel: one model on several devices, or with several sets of keywords, as if it were one."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from repro.errors import DeviceError, SettingsError, StartTimeoutError, WorkerStartError
from repro.model import Model, OnError
from repro.progress import watched
from repro.session import new_call


class ParallelModel:
    """Several workers of one model, that share the records between them. Results come in input order, as one list.

    Each takes the next few records when it has finished its last ones: a slow worker gets fewer, and holds up nobody.

    Args:
        model_class: the model.
        num_models: how many workers, where neither `devices` nor `kwargs_list` says it.
        devices: one worker a device (index of a GPU, or -1).
        kwargs_list: one worker a dict of keywords.
        batch_size: how many records a worker takes at once; by default as many as the model does.
        **kwargs: keywords for all workers.

    Raises:
        SettingsError: none, or both, of `devices` and `kwargs_list` say what the workers are.

    >>> from repro.models.tutorial import TutorialModel
    >>> with ParallelModel(TutorialModel, devices=[-1, -1]) as model:  # doctest: +SKIP
    ...     model.predict_batch([{"text": "abc"}, {"text": "def"}])
    ['cba', 'fed']
    """

    def __init__(
        self,
        model_class: type[Model],
        num_models: int | None = None,
        *,
        devices: Sequence[int] | None = None,
        kwargs_list: Sequence[Mapping[str, Any]] | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        if devices is not None and kwargs_list is not None:
            raise SettingsError("devices and kwargs_list both say what the workers are", fix="give one of them")
        if devices is not None:
            each: list[dict[str, Any]] = [{"device": device} for device in devices]
        elif kwargs_list is not None:
            each = [dict(own) for own in kwargs_list]
        else:
            each = [{} for _ in range(num_models or 0)]
        if not each or (num_models is not None and num_models != len(each)):
            raise SettingsError(
                f"{len(each)} workers are described" + (f" and {num_models} wanted" if num_models else ""),
                fix="give devices=[0, 1, ...], kwargs_list=[{...}, ...] or num_models=2",
            )
        self.models = [model_class(**{**kwargs, **own}) for own in each]
        self.batch_size = batch_size or self.models[0].batch_size

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """The result of one record, from the first worker."""
        return self.models[0].predict(*args, **kwargs)

    def predict_batch(
        self,
        records: Sequence[Mapping[str, Any]],
        *,
        on_error: OnError = "raise",
        progress: bool | None = None,
        **parameters: Any,
    ) -> list[Any]:
        """One result a record, in order. Keywords are passed on. Raises what `Model.predict_batch` raises."""
        self.models[0].check_call(records, on_error, parameters)
        size = max(1, min(self.batch_size, -(-len(records) // len(self.models))))
        spread = self._spread(records, size, on_error, parameters)
        return list(itertools.chain.from_iterable(self._watched(spread, len(records), progress)))

    def stream(
        self,
        records: Iterable[Mapping[str, Any]],
        *,
        on_error: OnError = "raise",
        progress: bool | None = None,
        **parameters: Any,
    ) -> Iterator[Any]:
        """Like `predict_batch`, for any iterable and in bounded memory."""
        spread = self._spread(records, self.batch_size, on_error, parameters)
        return itertools.chain.from_iterable(self._watched(spread, None, progress))

    def close(self) -> None:
        """End all workers."""
        for model in self.models:
            model.close()

    def __enter__(self) -> ParallelModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watched(self, results: Iterator[list[Any]], total: int | None, progress: bool | None) -> Iterator[list[Any]]:
        return watched(results, total, f"{self.models[0].name} x {len(self.models)}", progress)

    def _spread(
        self, records: Iterable[Mapping[str, Any]], size: int, on_error: OnError, parameters: dict[str, Any]
    ) -> Iterator[list[Any]]:
        crew = _Crew(self.models, on_error, parameters)
        source = iter(records)
        waiting: deque[Future[list[Any]]] = deque()
        first = 0
        with ThreadPoolExecutor(len(self.models), thread_name_prefix="repro-parallel") as pool:
            try:
                for chunk in iter(lambda: list(itertools.islice(source, size)), []):
                    waiting.append(pool.submit(crew.compute, chunk, first))
                    first += len(chunk)
                    # Twice as many chunks as workers are on their way: nobody waits, and memory stays bounded.
                    if len(waiting) >= 2 * len(self.models):
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            except BaseException as error:
                for future in waiting:
                    future.cancel()
                if not isinstance(error, (Exception, GeneratorExit)):  # Ctrl-C: nobody waits for what they compute
                    for model in self.models:
                        model.session.interrupt()
                raise


class _Crew:
    """The models that can work. One whose worker cannot start leaves, and another one takes its records."""

    def __init__(self, models: Sequence[Model], on_error: OnError, parameters: Mapping[str, Any]) -> None:
        self._free: SimpleQueue[Model | None] = SimpleQueue()
        self._able = len(models)
        self._lock = threading.Lock()
        self._on_error = on_error
        self._parameters = parameters
        self._call = new_call()
        self._last_failure: WorkerStartError | StartTimeoutError | DeviceError | None = None
        for model in models:
            self._free.put(model)

    def compute(self, chunk: list[Mapping[str, Any]], first: int) -> list[Any]:
        while True:
            model = self._free.get()
            if model is None:
                self._free.put(None)
                assert self._last_failure is not None
                raise self._last_failure
            try:
                model.check_call(chunk, self._on_error, self._parameters, first)
                computed = model.compute(chunk, self._on_error, self._parameters, first, self._call)
                results = list(itertools.chain.from_iterable(computed))
            except (WorkerStartError, StartTimeoutError, DeviceError) as error:
                self._last_failure = error
                if self._leaves() == 0:
                    self._free.put(None)
                    raise
            except BaseException:
                self._free.put(model)
                raise
            else:
                self._free.put(model)
                return results

    def _leaves(self) -> int:
        with self._lock:
            self._able -= 1
            return self._able
