"""One worker as its session sees it: requests go out, each gets its reply, or learns that the worker has died."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro.errors import (
    DeviceError,
    Evidence,
    OutOfMemoryError,
    ReproError,
    StartTimeoutError,
    WorkerCrashedError,
    WorkerError,
    WorkerStartError,
)
from repro.guest import exchange
from repro.runtimes.base import Environment, Exit, WorkerProcess
from repro.runtimes.lines import MESSAGE_START
from repro.runtimes.log import LogTail

_NUMBER = re.compile(rb'\{"repro":1,"id":(\d{1,18}),')
_STOP_GRACE_S = 3.0
_READER_JOIN_S = 2.0


@dataclass
class Reply:
    """What comes back for one request: a message, or the death of the worker."""

    number: int
    message: dict[str, Any] | None = None
    was_in_progress: bool = False
    """At the worker's death: whether it was computing this request, and not one before it."""
    abandoned: bool = False
    sent_at: float = field(default_factory=time.monotonic)
    _gate: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._gate.acquire()

    def settle(self, message: dict[str, Any] | None) -> None:
        self.message = message
        self._gate.release()

    def wait(self, timeout_s: float | None) -> bool:
        """Whether the reply is settled within `timeout_s` seconds."""
        if not self._gate.acquire(timeout=-1 if timeout_s is None else max(timeout_s, 0.0)):
            return False
        self._gate.release()
        return True


class Worker:
    """A running worker. One thread reads what it says; any thread may send."""

    def __init__(self, process: WorkerProcess, environment: Environment, output_dir: Path) -> None:
        self._process = process
        self._environment = environment
        self._output_dir = output_dir
        self._lock = threading.Lock()
        self._order = threading.Lock()
        self._pending: dict[int, Reply] = {}  # in the order in which they were sent, which is that of the worker
        self._printed = LogTail()
        self._ready = Reply(-1)
        self._exit: Exit | None = None
        self.name = process.name
        self.is_dead = False
        self.last_reply_at = time.monotonic()
        self._reader = threading.Thread(target=self._read, name="repro-worker", daemon=True)
        self._reader.start()

    @property
    def is_idle(self) -> bool:
        return not self._pending

    def wait_until_ready(self, timeout_s: float) -> None:
        """Wait for the model to be loaded.

        Raises:
            StartTimeoutError: it takes longer than `timeout_s` seconds.
            WorkerStartError, OutOfMemoryError: the worker ended, or said that it cannot load.
            DeviceError: it sees no GPU and was to use one.
        """
        if not self._ready.wait(timeout_s):
            evidence = self.evidence()
            self.stop(0.0)
            raise StartTimeoutError(
                f"{self.name} was not ready after {timeout_s:g} s",
                cause="loading the model takes longer, or run.py hangs in load",
                fix="raise start_timeout_s= (REPRO_START_TIMEOUT)",
                evidence=evidence,
            )
        message = self._ready.message
        if message is None or not message.get("ready"):
            raise self._start_failure(message)

    def request(self, number: int, line: bytes) -> Reply:
        """Send one request. The reply of a worker that has died is settled without a message."""
        reply = Reply(number)
        with self._order:  # what is pending stands in the order in which it was sent
            with self._lock:
                if self.is_dead:
                    reply.settle(None)
                    return reply
                self._pending[number] = reply
            with contextlib.suppress(OSError):  # the worker has gone: the reader settles the reply
                self._process.send(line)
        return reply

    def abandon(self, reply: Reply) -> None:
        """Nobody will read this reply: what it brings is removed, now or when it comes."""
        with self._lock:
            reply.abandoned = True
            if reply.number in self._pending:
                return
        self._remove_output(reply.number)

    def crash(self, what: str) -> WorkerError:
        """The error that tells how this worker died while it computed `what`."""
        ended = self._wait_exit()
        evidence = self.evidence(ended)
        if ended.oom_killed:
            return OutOfMemoryError(
                f"the worker was killed for want of memory while it computed {what}",
                cause="the container's memory limit was reached",
                fix="give it more (memory=) or smaller batches (batch_size=)",
                evidence=evidence,
            )
        return WorkerCrashedError(
            f"the worker {_how(ended)} while it computed {what}",
            fix="the last log lines say what it did; the records before and after are not to blame",
            evidence=evidence,
        )

    def evidence(self, ended: Exit | None = None) -> Evidence:
        base = self._environment.evidence
        tail = (*self._process.log_tail(), *(f"(stdout) {line}" for line in self._printed.lines()))
        code, oom = (ended.code, ended.oom_killed or None) if ended else (None, None)
        return Evidence(base.runtime, base.image, base.digest, code, oom, tail)

    def stop(self, grace_s: float = _STOP_GRACE_S) -> None:
        """End the worker; requests that have no reply learn of its death. Returns when nothing is left of it."""
        self._process.stop(grace_s)
        self._reader.join(timeout=_READER_JOIN_S)  # what a model has started and let go of may hold its stdout open

    def release_in_child(self) -> None:
        """In a forked child: let go of the worker without disturbing the parent's."""
        self._process.release_in_child()

    # --------------------------------------------------------------------------------------------- the reader's thread

    def _read(self) -> None:
        try:
            for line in self._process.lines():
                if line.startswith(MESSAGE_START):
                    self._dispatch(line)
                elif line.strip():
                    self._printed.feed(line + b"\n")
        finally:
            self._settle_all()

    def _dispatch(self, line: bytes) -> None:
        try:
            message: dict[str, Any] = exchange.decode_line(line)
        except (ValueError, RecursionError) as error:
            self._printed.feed(line + b"\n")  # looks like a message and is none: evidence
            named = _NUMBER.match(line)
            if named is None:
                return
            said = {"type": "ContractError", "message": f"run.py answered with what is no JSON ({error})"}
            message = {"id": int(named[1]), "error": said}  # nothing else will come for it
        if "ready" in message and self._ready.message is None:
            self._ready.settle(message)
            return
        number = message.get("id")
        with self._lock:
            reply = self._pending.pop(number, None) if isinstance(number, int) else None
        self.last_reply_at = time.monotonic()
        if reply is None:
            self._printed.feed(line + b"\n")
        elif reply.abandoned:
            self._remove_output(reply.number)
        else:
            reply.settle(message)

    def _settle_all(self) -> None:
        with self._lock:
            self.is_dead = True
            pending, self._pending = list(self._pending.values()), {}
        for position, reply in enumerate(pending):
            self._remove_output(reply.number)  # what it had begun to write
            reply.was_in_progress = position == 0
            reply.settle(None)
        if self._ready.message is None and not self._ready.wait(0):
            self._ready.settle(None)

    def _remove_output(self, number: int) -> None:
        for path in self._output_dir.glob(f"{number}.*"):
            with contextlib.suppress(OSError):  # a folder, say: it goes with the exchange folder
                path.unlink()

    # ---------------------------------------------------------------------------------------------------------- errors

    def _wait_exit(self) -> Exit:
        if self._exit is None:
            self._process.stop(_STOP_GRACE_S)  # it may have let go of its stdout, or said that it ends, and live on
            self._exit = self._process.wait()
        return self._exit

    def _start_failure(self, message: dict[str, Any] | None) -> ReproError:
        said = (message or {}).get("error")
        ended = self._wait_exit()
        self.stop(0.0)
        model = self._environment.spec.name
        if ended.oom_killed:
            return OutOfMemoryError(
                f"the worker of {model} was killed for want of memory while it loaded the model",
                cause="the container's memory limit was reached",
                fix="give it more (memory=)",
                evidence=self.evidence(ended),
            )
        if isinstance(said, dict) and said.get("type") == "NoGpuError":
            return DeviceError(
                f"the worker of {model} was to use a GPU: {said.get('message')}",
                fix="repro doctor, or use the CPU (device=-1)",
                evidence=self.evidence(ended),
            )
        if isinstance(said, dict):
            what = f"the worker of {model} could not load the model: {said.get('type')}: {said.get('message')}"
        else:
            what = f"the worker of {model} {_how(ended)} before it was ready"
        return WorkerStartError(what, fix="the last log lines say why", evidence=self.evidence(ended))


def _how(ended: Exit) -> str:
    if ended.code is None:
        return "went away (the engine was stopped?)"
    if ended.code < 0:
        return f"was killed by signal {-ended.code}"
    return f"ended with status {ended.code} and no answer"
