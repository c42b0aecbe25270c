"""A container ends with the process that uses it, but not before it is started.

So while it is created and started, a few milliseconds, a small process stands by: should this one be killed in between,
it removes what would never start nor end.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

_UNIX = "unix://"

# Standard input ends when this process has gone; a byte before that says that the container takes care of itself.
# The engine may be still creating it, so that the removal is tried for a while.
_PROGRAM = """
import sys
if not sys.stdin.buffer.read(1):
    import http.client, socket, time
    _, address, name = sys.argv
    deadline = time.monotonic() + 5
    status = 0
    while status not in (204, 409) and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(address)
        connection.request("DELETE", "/containers/" + name + "?force=1")
        status = connection.getresponse().status
        connection.close()
        time.sleep(0.1)
"""


@contextlib.contextmanager
def guarded(address: str, name: str) -> Iterator[None]:
    """Have the container `name` removed if this process is killed, or interrupted, within the block.

    Args:
        address: of the engine. Only one on this machine is guarded: with another this process may lose touch otherwise.
        name: of a container that is created in the block.
    """
    if not address.startswith(_UNIX) or not sys.executable:
        yield
        return
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM, address[len(_UNIX) :], name]
    # A session of its own: Ctrl-C in a terminal is for the host, which then removes the container itself.
    guard = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert guard.stdin is not None
    settled = False
    try:
        yield
        settled = True
    except Exception:
        settled = True  # the block has removed what it had created
        raise
    finally:
        with contextlib.suppress(BrokenPipeError), guard.stdin:  # somebody has killed it
            guard.stdin.write(b"." if settled else b"")
        if settled:
            guard.wait()
