"""Try again what may well work the next time, and tell the errors of the network as ours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from repro.errors import WeightsError, redact
from repro.weights.errand import Errand

log = logging.getLogger(__name__)

T = TypeVar("T")

_WORTH_BYTES = 1 << 20
"""So much new content makes up for the failures before: a line that breaks every minute still brings the file."""
_LONGEST_REASON = 200
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class TransientError(Exception):
    """What may well work when it is tried again."""

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


def persist(attempt: Callable[[], T], errand: Errand, address: str) -> T:
    """The result of `attempt`, which is made again where it raises TransientError, as patience allows.

    Args:
        address: as it may be shown.

    Raises:
        WeightsError: there were too many failures in a row.
        StoppedError: another file has failed.
    """
    patience, partial = errand.patience, errand.partial
    furthest_bytes, failures = partial.size_bytes, 0
    while True:
        try:
            return attempt()
        except TransientError as problem:
            if partial.size_bytes >= furthest_bytes + _WORTH_BYTES:
                furthest_bytes, failures = partial.size_bytes, 0
            failures += 1
            if failures >= patience.attempts:
                raise _given_up(errand, address, str(problem), failures) from None
            wait_s = max(patience.first_wait_s * 2 ** (failures - 1), problem.wait_s)
            log.warning("%s: %s; trying again", errand.name, problem)
            errand.stop.sleep(min(wait_s, patience.longest_wait_s))


def _given_up(errand: Errand, address: str, problem: str, failures: int) -> WeightsError:
    kept = f"the {errand.partial.size_bytes:,} bytes that came are kept, and the next try goes on from there"
    return WeightsError(
        f"cannot fetch {address}: {problem} ({failures} tries)",
        cause="the network, a proxy, or the server",
        fix=f"try again later{f'; {kept}' if errand.partial.size_bytes else ''}",
    )


def refusal(address: str, why: str, fix: str = "") -> WeightsError:
    """The error for what no second try would mend."""
    return WeightsError(f"cannot fetch {address}: {why}", fix=fix)


def check_status(status: int, reason: str, address: str, advice: str, wait_s: float = 0.0) -> None:
    """Hold the status of an answer that holds no content.

    Raises:
        TransientError: the server is in trouble.
        WeightsError: it refuses.
    """
    reason = redact(reason or "")[:_LONGEST_REASON]  # it is also logged, where nothing else cleans it
    if status in _TRY_AGAIN:
        raise TransientError(f"the server answers {status} {reason}", wait_s)
    if status >= 400:
        raise refusal(address, f"the server answers {status} {reason}", advice)


@contextmanager
def network_errors(address: str) -> Iterator[None]:
    """Errors of requests as ours. None is chained: their texts hold the whole address, and with it any secret."""
    import requests

    try:
        yield
    except requests.exceptions.SSLError as error:
        why = f"the certificate is not accepted: {reason(error)}"
        raise refusal(address, why, "set REQUESTS_CA_BUNDLE where a proxy signs") from None
    except (
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        requests.exceptions.ChunkedEncodingError,
    ) as error:
        raise TransientError(reason(error)) from None
    except requests.exceptions.RequestException as error:
        raise refusal(address, f"{type(error).__name__}: {reason(error)}") from None


def reason(error: BaseException) -> str:
    """What the system says in the end: the innermost error of the chain, whose text holds no address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if isinstance(cause, TimeoutError):
            return "the server does not answer in time"
        error, cause = cause, cause.__cause__ or cause.__context__
    return type(error).__name__
