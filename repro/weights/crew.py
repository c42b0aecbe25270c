"""Several files at once, and all of them called off when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from repro.weights.errand import Stop, StoppedError

AT_ONCE = 4
"""Files on their way at once: more make a server slower for others, and hardly a line faster."""
_LOOK_UP_S = 0.2


def run_all(jobs: Sequence[Callable[[], None]], stop: Stop, at_once: int = AT_ONCE) -> None:
    """Do all jobs, `at_once` at a time. The first error calls the others off, and is raised.

    What a job has brought by then is kept: it goes on from there the next time.

    Raises:
        Exception: what a job raised.
        KeyboardInterrupt: the others are called off too.
    """
    if len(jobs) == 1:
        jobs[0]()  # no thread between the user's Ctrl-C and the transfer
        return
    with ThreadPoolExecutor(at_once, thread_name_prefix="fetch") as pool:
        waiting = {pool.submit(job) for job in jobs}
        first: BaseException | None = None
        try:
            while waiting:
                # With a time limit: without one, Python holds a Ctrl-C back until a job is done.
                done, waiting = wait(waiting, timeout=_LOOK_UP_S, return_when=FIRST_COMPLETED)
                first = first or _failure(done)
                if first is not None:
                    stop.set()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    if first is not None:
        raise first


def _failure(done: set[Future[None]]) -> BaseException | None:
    errors = (future.exception() for future in done)
    return next((error for error in errors if error is not None and not isinstance(error, StoppedError)), None)
