"""Session: the host's handle on one warm worker. Every record gets exactly one answer, in order."""

from __future__ import annotations

import atexit
import itertools
import os
import secrets
import signal
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from repro.batches import Batch, BatchWriter, read_answers
from repro.errors import CallTimeoutError, ProtocolError, ReproError, SessionClosedError, WorkerError, WorkerStartError
from repro.exchange_folder import ExchangeFolder
from repro.runtimes.base import Environment, Launch, Runtime, WorkerProcess
from repro.session_plan import SessionPlan
from repro.worker import Reply, Worker

Answer = dict[str, Any] | ReproError
"""What one record gives: the worker's answer, or the error that takes its place."""

IN_FLIGHT = 2  # one batch is computed while the next one is on its way
_calls = itertools.count(1)
_TRIES_TOGETHER = 2  # a worker may die of something else; twice with the same batch is a sign
_TRIES_ALONE = 3
_STARTS = 3
_KILLED_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)


def new_call() -> int:
    """A number that no other call of this process has."""
    return next(_calls)


class Session:
    """One worker, started at the first call, kept warm, started again when it dies, ended by `close`.

    Safe to use from several threads: their batches take turns. After a fork the child gets a worker of its own.

    Args:
        runtime: where the worker runs.
        find: gives the environment that is set up; called when the worker is first needed.
        plan: what to run.
    """

    def __init__(self, runtime: Runtime, find: Callable[[], Environment], plan: SessionPlan) -> None:
        self._runtime = runtime
        self._find = find
        self._plan = plan
        self._reset()
        _live.add(self)

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._worker: Worker | None = None
        self._folder: ExchangeFolder | None = None
        self._environment: Environment | None = None
        self._numbers = itertools.count(1)
        self._idle_timer: threading.Timer | None = None
        self._closed = False
        self._interruptions = 0
        self._starting: WorkerProcess | None = None
        self.starts = 0

    @property
    def environment(self) -> Environment:
        """What the worker runs in. Raises NotSetUpError."""
        with self._lock:
            if self._environment is None:
                self._environment = self._find()
            return self._environment

    @property
    def is_warm(self) -> bool:
        return self._worker is not None and not self._worker.is_dead

    def start(self) -> None:
        """Start the worker now and wait for its model; does nothing where it runs."""
        self._alive_worker()
        self._arm_idle_timer()

    def ping(self) -> dict[str, Any]:
        """What the worker says of itself: Python, device, packages, options. Starts it where needed."""
        number = next(self._numbers)
        worker = self._alive_worker()
        reply = worker.request(number, b'{"repro":1,"id":%d,"ping":true}\n' % number)
        with self._killing_on_interrupt():
            message = self._await(worker, reply, "a ping")
        self._arm_idle_timer()
        if message is None:
            raise worker.crash("a ping")
        pong = message.get("pong")
        if not isinstance(pong, dict):
            raise ProtocolError(f"run.py answered a ping with: {str(message)[:200]}", evidence=worker.evidence())
        return pong

    def stream(
        self,
        records: Iterable[Mapping[str, Any]],
        options: Mapping[str, Any] | None = None,
        first: int = 0,
        call: int | None = None,
    ) -> Iterator[list[Answer]]:
        """Answers in the order of the records, as they come, a list a batch. Two batches are held at a time.

        Args:
            records: dicts of what JSON has, and numpy arrays.
            options: options of run.py that differ, for this call, from what the worker was started with.
            first: index of the first record in the whole input, for what errors say.
            call: the number of a larger call that this is a part of (`new_call()`); by default it is one of its own.

        Raises:
            WorkerError: the worker cannot start, hangs, or dies whatever the record.
            ProtocolError: run.py does not keep the contract.
        """
        source = self._batches(records, dict(options or {}), first, new_call() if call is None else call)
        waiting: deque[_Sent] = deque()
        try:
            for batch in source:
                with self._killing_on_interrupt():
                    waiting.append(self._send(batch))
                if len(waiting) == IN_FLIGHT:
                    yield self._collect(waiting.popleft())
            while waiting:
                yield self._collect(waiting.popleft())
        finally:
            for sent in waiting:
                self._abandon(sent)
            self._arm_idle_timer()

    def interrupt(self) -> None:
        """End the worker now; calls that wait for it, in any thread, raise SessionClosedError. A later call works."""
        self._interruptions += 1
        self._stop_start()
        self._stop_worker(0.0)

    def close(self) -> None:
        """End the worker and remove what it used. Closing twice is fine."""
        self._closed = True
        self._stop_start()
        with self._lock:
            self._stop_worker()
            if self._folder is not None:
                self._folder.remove()
                self._folder = None
        _live.discard(self)

    # ---------------------------------------------------------------------------------------------- one batch's way

    def _batches(
        self, records: Iterable[Mapping[str, Any]], options: dict[str, Any], first: int, call: int
    ) -> Iterator[Batch]:
        with self._lock:
            self._refuse_closed()
            if self._folder is None:
                self._folder = ExchangeFolder(self._plan.exchange_root)
            writer = BatchWriter(self._folder.input_dir, self._numbers, options, call)
            calls = self._interruptions
        source = iter(records)
        while chunk := list(itertools.islice(source, self._plan.batch_size)):
            for batch in writer.batches(chunk, first):
                batch.call = calls
                yield batch
            first += len(chunk)

    def _send(self, batch: Batch) -> _Sent:
        self._refuse_interrupted(batch.call)
        number = next(self._numbers)
        message = batch.message(number)
        worker = self._alive_worker()
        return _Sent(batch, number, worker, worker.request(number, message))

    def _collect(self, sent: _Sent) -> list[Answer]:
        """The answers of a batch that was sent: waits, sends it again after a crash, isolates a record that kills."""
        batch = sent.batch
        try:
            with self._killing_on_interrupt():
                answers = self._answers(sent)
                while answers is None:
                    batch.deaths += sent.reply.was_in_progress
                    if batch.deaths >= _TRIES_TOGETHER:
                        return self._isolate(batch, sent.worker)
                    sent = self._send(batch)
                    answers = self._answers(sent)
                return answers
        finally:
            batch.remove_files()

    def _answers(self, sent: _Sent) -> list[Answer] | None:
        """None: the worker died before it answered."""
        what = sent.batch.describe()
        message = self._await(sent.worker, sent.reply, what)
        if message is None:
            return None
        assert self._folder is not None
        try:
            return read_answers(message, sent.batch, self._folder.output_dir)
        except WorkerError as error:
            sent.worker.abandon(sent.reply)
            raise type(error)(
                error.message, cause=error.cause, fix=error.fix, evidence=sent.worker.evidence()
            ) from None

    def _await(self, worker: Worker, reply: Reply, what: str) -> dict[str, Any] | None:
        timeout_s = self._plan.call_timeout_s
        if timeout_s is None:
            reply.wait(None)
            return reply.message
        # The time counts from when the worker could begin: when it had answered what was sent before.
        while not reply.wait(max(reply.sent_at, worker.last_reply_at) + timeout_s - time.monotonic()):
            if max(reply.sent_at, worker.last_reply_at) + timeout_s <= time.monotonic():
                evidence = worker.evidence()
                self._stop_worker(0.0)
                raise CallTimeoutError(
                    f"the worker did not answer {what} within {timeout_s:g} s and was stopped",
                    fix="raise call_timeout_s= (REPRO_CALL_TIMEOUT), or hand over smaller batches (batch_size=)",
                    evidence=evidence,
                )
        return reply.message

    # -------------------------------------------------------------------------------------- records that kill workers

    def _isolate(self, batch: Batch, worker: Worker) -> list[Answer]:
        """Find the records that kill the worker, each proven alone; the others get their answers.

        Raises:
            WorkerCrashedError, OutOfMemoryError: it dies with the first record alone and with the last one alone:
                then no record is to blame.
        """
        if len(batch) == 1:
            return self._alone(batch, worker, _TRIES_ALONE - batch.deaths)
        first, middle, last = batch.part(0, 1), batch.part(1, len(batch) - 1), batch.part(len(batch) - 1, len(batch))
        head, tail = self._alone(first, worker, _TRIES_ALONE), self._alone(last, worker, _TRIES_ALONE)
        if isinstance(head[0], WorkerError) and isinstance(tail[0], WorkerError):
            raise worker.crash(batch.describe())
        return [*head, *self._halves(middle), *tail]

    def _halves(self, batch: Batch) -> list[Answer]:
        if len(batch) == 0:
            return []
        sent = self._send(batch)
        answers = self._answers(sent)
        if answers is not None:
            return answers
        if len(batch) == 1:
            return self._alone(batch, sent.worker, _TRIES_ALONE - 1)
        middle = len(batch) // 2
        return [*self._halves(batch.part(0, middle)), *self._halves(batch.part(middle, len(batch)))]

    def _alone(self, batch: Batch, worker: Worker, tries: int) -> list[Answer]:
        """The answer of one record, or the error that it kills every worker that computes it."""
        for _ in range(tries):
            sent = self._send(batch)
            worker = sent.worker
            answers = self._answers(sent)
            if answers is not None:
                return answers
        return [worker.crash(batch.describe())]

    # ---------------------------------------------------------------------------------------------- the worker's life

    def _alive_worker(self) -> Worker:
        with self._lock:
            self._refuse_closed()
            if self._worker is None or self._worker.is_dead:
                self._stop_worker(0.0)
                self._worker = self._start_until_not_killed()
            return self._worker

    def _start_until_not_killed(self) -> Worker:
        """A worker that somebody kills while it loads is started again; one that ends by itself is not."""
        for _ in range(_STARTS - 1):
            try:
                return self._start_worker()
            except WorkerStartError as error:
                if error.evidence.exit_code not in _KILLED_FROM_OUTSIDE:
                    raise
        return self._start_worker()

    def _start_worker(self) -> Worker:
        interruptions = self._interruptions
        environment = self.environment
        if self._folder is None:
            self._folder = ExchangeFolder(self._plan.exchange_root)
        plan = self._plan
        launch = Launch(
            options=plan.options,
            input_dir=self._folder.input_dir,
            output_dir=self._folder.output_dir,
            weights_dir=plan.weights_dir,
            mounts=plan.mounts,
            device=plan.device,
            network=plan.network,
            limits=plan.limits,
            session=secrets.token_hex(6),
            scratch_dir=self._folder.path,
        )
        self._starting = process = self._runtime.start(environment, launch)
        try:
            self._refuse_interrupted(interruptions)
            worker = Worker(process, environment, self._folder.output_dir)
            worker.wait_until_ready(plan.start_timeout_s)
        except BaseException as error:
            process.stop(0.0)
            if isinstance(error, WorkerError):
                self._refuse_interrupted(interruptions)
            raise
        finally:
            self._starting = None
        self.starts += 1
        return worker

    def _stop_start(self) -> None:
        """End a worker that another thread waits for, which holds the lock while it does."""
        process = self._starting
        if process is not None:
            process.stop(0.0)

    def _stop_worker(self, grace_s: float | None = None) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
            if self._idle_timer is not None:
                self._idle_timer.cancel()
                self._idle_timer = None
        if worker is not None:
            worker.stop() if grace_s is None else worker.stop(grace_s)

    def _abandon(self, sent: _Sent) -> None:
        sent.worker.abandon(sent.reply)
        sent.batch.remove_files()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise SessionClosedError("the session is closed", fix="make a new model object, or call before close()")

    def _refuse_interrupted(self, interruptions: int) -> None:
        """Raise SessionClosedError where the session was closed, or interrupted since it had been so many times."""
        self._refuse_closed()
        if interruptions != self._interruptions:
            raise SessionClosedError("the call was interrupted", fix="call again")

    def _killing_on_interrupt(self) -> _KillingOnInterrupt:
        return _KillingOnInterrupt(self)

    # ------------------------------------------------------------------------------------------------------- idleness

    def _arm_idle_timer(self) -> None:
        if self._plan.idle_timeout_s is None:
            return
        with self._lock:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
            if self._worker is None:
                return
            self._idle_timer = threading.Timer(self._plan.idle_timeout_s, self._stop_if_idle)
            self._idle_timer.daemon = True
            self._idle_timer.start()

    def _stop_if_idle(self) -> None:
        with self._lock:
            if self._worker is not None and self._worker.is_idle:
                self._stop_worker()

    # ----------------------------------------------------------------------------------------------------------- fork

    def release_in_child(self) -> None:
        """In a forked child: let go of the parent's worker; the next call starts one of the child's own."""
        closed = self._closed
        for held in (self._worker, self._starting):
            if held is not None:
                held.release_in_child()
        if self._folder is not None:
            self._folder.release_in_child()
        self._reset()
        self._closed = closed


@dataclass
class _Sent:
    """A batch on its way: with which number, to which worker."""

    batch: Batch
    number: int
    worker: Worker
    reply: Reply


class _KillingOnInterrupt:
    """Ends the worker when the block is left by Ctrl-C or another interruption: nobody waits for what it computes."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._session.interrupt()


_live: weakref.WeakSet[Session] = weakref.WeakSet()


def _close_all() -> None:
    for session in list(_live):
        session.close()


def _release_all_in_child() -> None:
    for session in list(_live):
        session.release_in_child()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_release_all_in_child)
