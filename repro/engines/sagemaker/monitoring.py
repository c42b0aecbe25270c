"""Watch a job until it has ended, and stop one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from repro.engines.sagemaker.account import Account
from repro.engines.sagemaker.aws_errors import aws_errors, code_of
from repro.engines.sagemaker.state import JobState, Transition, read_state, shown
from repro.errors import AwsUnavailableError

Say = Callable[[str], None]
Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Pace:
    """How often a job is asked for.

    >>> list(Pace(interval_s=30, longest_s=120, attempts=4).pauses())
    [30, 60, 120]
    """

    interval_s: float = 30
    longest_s: float = 300
    """Between attempts while AWS does not answer, each twice as long after the last."""
    attempts: int = 12
    """In a row, when AWS does not answer, before it is given up: the job goes on."""

    def pauses(self) -> Iterator[float]:
        """Between the attempts."""
        pause = self.interval_s
        for _ in range(self.attempts - 1):
            yield min(pause, self.longest_s)
            pause *= 2


def watch(name: str, account: Account, say: Say, sleep: Sleep, pace: Pace | None = None) -> JobState:
    """Wait until a job has ended, and give how.

    Args:
        say: told each step that the job comes to, once.
        sleep: waits so many seconds.

    Raises:
        SettingsError, RuntimeUnavailableError: it cannot be asked for. The job itself goes on.
    """
    pace = pace or Pace()
    said = _Said(say)
    while True:
        state = _read_patiently(name, account, said, sleep, pace)
        said.tell(state)
        if state.has_ended:
            return state
        sleep(pace.interval_s)


def stop(name: str, account: Account, say: Say) -> JobState:
    """Tell a job to end, where it has not; it does within two minutes. Raises as `watch` does."""
    from botocore.exceptions import ClientError  # type: ignore[import-untyped]

    state = read_state(name, account)
    if state.has_ended:
        say(f"the job {name} has ended before: {state.status}")
        return state
    with aws_errors(f"stop the job {name}"):
        try:
            account.sagemaker.stop_training_job(TrainingJobName=name)
        except ClientError as error:  # it may have ended in between
            state = read_state(name, account)
            if code_of(error) != "ValidationException" or not state.has_ended:
                raise
    return state


class _Said:
    """What was told of a job, each step once."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self._status = ""
        self._told: set[Transition] = set()

    def tell(self, state: JobState) -> None:
        for step in state.transitions:
            if step not in self._told:
                self._told.add(step)
                self.say(f"{step.at:%H:%M:%S}  {step.status}{': ' if step.message else ''}{shown(step.message)}")
        if state.status != self._status:
            self._status = state.status
            more = f" ({state.secondary_status})" if state.secondary_status not in ("", state.status) else ""
            self.say(f"{state.name}: {state.status}{more}")


def _read_patiently(name: str, account: Account, said: _Said, sleep: Sleep, pace: Pace) -> JobState:
    """Ask again while AWS does not answer; the last time what it raises is raised."""
    for pause in pace.pauses():
        try:
            return read_state(name, account)
        except AwsUnavailableError as error:
            said.say(f"{error.message}; asked again in {pause:g} s")
            sleep(pause)
    return read_state(name, account)
