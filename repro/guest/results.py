"""Results on their way out: as lines of JSON, the error of a record that failed in its place."""

import traceback

from . import exchange


class ContractError(Exception):
    """run.py does not keep its side of the contract: no record is to blame."""


class HandOverError(Exception):
    """Answers cannot be written: no record is to blame."""


def detached(error):
    """The error with its traceback as text, so that it does not keep the batch alive."""
    error.traceback_text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return error.with_traceback(None)


def error_row(error):
    """What stands in a record's place when it fails."""
    text = getattr(error, "traceback_text", None) or "".join(traceback.format_exception_only(type(error), error))
    return {"error": {"type": type(error).__name__, "message": _message(error), "traceback": text}}


def _message(error):
    try:
        return str(error)
    except Exception:
        return "(it has no text)"


class ResultLines:
    """Results as lines. Arrays are written as they come; plain results wait, as many lines are cheaper made at once."""

    def __init__(self, encoder):
        self._encoder = encoder
        self._waiting = []
        self._parts = []

    def add(self, result):
        """Take one result, or the exception of a record that failed. Raises HandOverError."""
        if type(result) is dict and exchange.is_flat(result):
            self._waiting.append(dict(result))  # a model may fill the same dict again
        else:
            self._encode_waiting()
            self._parts.append(self._line(result))

    def take(self):
        """All lines since the last call."""
        self._encode_waiting()
        parts, self._parts = self._parts, []
        return b"".join(parts)

    def _encode_waiting(self):
        if self._waiting:
            data = exchange.encode_texts(self._waiting) if set(map(type, self._waiting)) == {dict} else None
            self._parts.append(data if data is not None else b"".join(map(self._line, self._waiting)))
            self._waiting.clear()

    def _line(self, result):
        """One result as a line; one that cannot be written becomes that record's error."""
        try:
            row = error_row(result) if isinstance(result, Exception) else result
            return self._encoder.line(row) + b"\n"
        except TypeError as error:
            return exchange.encode_line(error_row(error)) + b"\n"
        except OSError as error:
            raise HandOverError("an array cannot be written: %s" % error) from error
