"""Lines out of what a worker writes, however it writes: in memory and time that a worker cannot blow up."""

from __future__ import annotations

MESSAGE_START = b'{"repro":'
"""How a message begins; all other lines are log."""

MAX_MESSAGE_BYTES = 256 << 20
FLOODED = b"\n(a message of more than %d MiB: read no further)\n" % (MAX_MESSAGE_BYTES >> 20)
"""What the log says then."""

_MAX_LOG_BYTES = 1 << 16


class LineCutter:
    """Takes a stream in chunks cut anywhere, and gives its lines. A line of log is kept to its first 64 KiB.

    Attributes:
        is_flooded: whether a message is longer than `MAX_MESSAGE_BYTES` and the stream should be read no further.

    >>> cutter = LineCutter()
    >>> [cutter.cut(chunk) for chunk in (b"on", b"e\\ntwo\\nth", b"ree\\n")]
    [[], [b'one', b'two'], [b'three']]
    """

    def __init__(self) -> None:
        self._open: list[bytes] = []
        self._size = 0
        self.is_flooded = False

    def cut(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk, without their line ends."""
        *complete, rest = chunk.split(b"\n")
        if complete:
            self._keep(complete[0])
            complete[0] = b"".join(self._open)
            self._open, self._size = [], 0
        self._keep(rest)
        return complete

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= _MAX_LOG_BYTES or self._is_message(part):
            self._open.append(part)
            self.is_flooded = self.is_flooded or self._size > MAX_MESSAGE_BYTES
        else:
            kept = sum(map(len, self._open))
            if kept < _MAX_LOG_BYTES:
                self._open.append(part[: _MAX_LOG_BYTES - kept])

    def _is_message(self, part: bytes) -> bool:
        start = b""
        for piece in (*self._open, part):
            start += piece[: len(MESSAGE_START)]
            if len(start) >= len(MESSAGE_START):
                break
        return start.startswith(MESSAGE_START)
