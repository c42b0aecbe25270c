"""The warm form of run.py: messages on stdin, answers on stdout, until stdin closes.

Each message is a line of JSON whose first key is `repro`, the version of the protocol. docs/adding-a-model.md has them.
"""

import argparse
import faulthandler
import gc
import os
import select
import signal
import sys
import traceback

from . import exchange
from .facts import describe
from .inbox import Inbox
from .results import ContractError, HandOverError, ResultLines, detached, error_row

PROTOCOL = 1
INLINE_BYTES = 32 * 1024  # a batch up to this size travels in the message itself
_KILL_GRACE_S = 4.0


def with_options(options, changes):
    """`options` with some changed, or ContractError for one that run.py does not declare."""
    unknown = sorted(set(changes) - set(vars(options)))
    if unknown:
        known = ", ".join(sorted(vars(options)))
        raise ContractError("run.py has no option %s; it has: %s" % (", ".join(map(repr, unknown)), known))
    return argparse.Namespace(**dict(vars(options), **changes))


class Server:
    """Answers messages on the process's own stdin and stdout, which the model can no longer reach: its prints go to
    stderr. Ends when stdin closes, also from the middle of a forward pass."""

    def __init__(self, cls, options):
        self._cls = cls
        self._options = options
        self._in, self._out = _take_control_channel()

    def run(self):
        _watch_from_outside(self._in.fileno(), self._out.fileno())
        faulthandler.enable()  # a crash in native code leaves its traceback in the log
        inbox = Inbox(self._in.fileno(), self._decode)
        try:
            runner = self._cls.started(with_options(self._options, self._options.options))
        except Exception as error:
            traceback.print_exc()
            self._send(dict(error_row(detached(error)), ready=False))
            raise SystemExit(1) from None
        gc.freeze()  # the model lives as long as the process: looking through it again and again finds nothing
        self._send({"ready": True})
        request = inbox.get()
        while request is not None:
            self._handle(runner, request)
            request = inbox.get()

    def _decode(self, line):
        request = exchange.decode_line(line)
        try:
            if "input" in request:
                request["records"] = exchange.read_batch(self._options.input_dir, request["input"])
        except Exception as error:
            request["failure"] = error
        return request

    def _handle(self, runner, request):
        number = request["id"]
        try:
            if "failure" in request:
                raise request["failure"]
            if request.get("ping"):
                return self._send({"id": number, "pong": describe(runner)})
            runner.call = request.get("call")
            runner.options = with_options(self._options, dict(self._options.options, **request.get("options", {})))
            self._send_bytes(self._answer(runner, number, request["records"]))
        except Exception as error:
            traceback.print_exc()
            self._send(dict(error_row(detached(error)), id=number))

    def _answer(self, runner, number, records):
        """The message that answers one batch: the results in it, or the name of the file that holds them."""
        name = "%d.jsonl" % number
        encoder = exchange.BatchEncoder(self._options.output_dir, str(number))
        results = ResultLines(encoder)
        try:
            runner.answer(records, results.add)
            lines = results.take()
            encoder.close()
            if not encoder.has_arrays and len(lines) <= INLINE_BYTES:
                return b'{"repro":%d,"id":%d,"results":[%s]}\n' % (PROTOCOL, number, exchange.joined(lines))
            with open(os.path.join(self._options.output_dir, name), "wb") as file:
                file.write(lines)
        except BaseException as error:
            encoder.discard()
            if isinstance(error, OSError):
                raise HandOverError("the answers cannot be written: %s" % error) from error
            raise
        return b'{"repro":%d,"id":%d,"output":"%s"}\n' % (PROTOCOL, number, name.encode("ascii"))

    def _send(self, message):
        self._send_bytes(exchange.encode_line(dict({"repro": PROTOCOL}, **message)) + b"\n")

    def _send_bytes(self, data):
        try:
            self._out.write(data)
            self._out.flush()
        except OSError:  # the host is gone
            os._exit(0)


def _watch_from_outside(control_in, control_out):
    """Fork a small process that ends this one when stdin closes and the thread on stdin cannot.

    The thread needs the interpreter's lock, which native code may hold for as long as it computes.
    """
    parent = os.getpid()
    lifeline, held = os.pipe()
    if os.fork():
        os.close(lifeline)  # `held` stays open as long as this process lives
        return
    os.close(held)
    sources = select.poll()
    sources.register(control_in, 0)  # nothing but the hang-up
    sources.register(lifeline, 0)
    for descriptor in (0, 1, 2, control_out):  # the host must see the worker's own end
        os.close(descriptor)
    if any(descriptor == control_in for descriptor, _ in sources.poll()):
        sources.unregister(control_in)
        if not sources.poll(_KILL_GRACE_S * 1000) and os.getppid() == parent:
            os.kill(parent, signal.SIGKILL)
    os._exit(0)


def _take_control_channel():
    """The process's own stdin and stdout, as files; in their place the model gets an empty stdin, and stderr."""
    sys.stdout.flush()
    control_in, control_out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as empty:
        os.dup2(empty.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    control_out.write(b"\n")  # ends a line that was printed before and has no end
    return control_in, control_out
