"""Requests as they come on stdin.

While it waits the main thread reads: a request that goes from thread to thread takes twice the time. While the model
computes a second thread reads: the next batch is decoded by then, and the end of stdin, which ends the process, is
noticed.
"""

import collections
import os
import select
import threading
import time

_LOOK_EVERY_S = 0.05
_EXIT_GRACE_S = 2.0
_READ_BYTES = 1 << 20


class Inbox:
    """The requests on a file descriptor.

    Args:
        descriptor: where lines come from.
        decode: makes a request of a line.
    """

    def __init__(self, descriptor, decode):
        self._descriptor = descriptor
        self._decode = decode
        self._requests = collections.deque()
        self._rest = b""
        self._has_ended = False
        self._is_busy = True
        self._reading = threading.Lock()
        threading.Thread(target=self._watch, name="repro-stdin", daemon=True).start()

    def get(self):
        """The next request; None when stdin has closed. From here until the next call the model is taken to compute."""
        self._is_busy = False
        while not (self._requests or self._has_ended):
            with self._reading:
                if not (self._requests or self._has_ended):
                    self._read()
        if self._has_ended:  # nobody waits for what is left
            return None
        self._is_busy = True
        return self._requests.popleft()

    def _read(self):
        """Wait for something on stdin and take it in. For who holds the lock."""
        data = os.read(self._descriptor, _READ_BYTES)
        self._has_ended = not data
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        self._requests.extend(self._decode(line) for line in lines if line.strip())

    def _watch(self):
        while True:
            time.sleep(_LOOK_EVERY_S)
            if self._is_busy and self._reading.acquire(False):
                try:
                    while not self._has_ended and select.select([self._descriptor], [], [], 0)[0]:
                        self._read()
                finally:
                    self._reading.release()
            if self._has_ended:
                if not self._is_busy:
                    time.sleep(_EXIT_GRACE_S)  # for what the model does at exit; this thread ends with the process
                os._exit(0)
