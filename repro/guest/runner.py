"""Runner: what a model's `run.py` subclasses. It keeps the contract with the host.

class Reverse(Runner):
    def predict(self, records):
        for record in records:
            yield {"output": record["text"][::-1]}

if __name__ == "__main__":
    Reverse.main()
"""

import argparse
import collections
import faulthandler
import gc
import json
import os
import platform
import queue
import sys
import threading
import time
import traceback

from . import exchange

PROTOCOL = 1
INLINE_BYTES = 32 * 1024  # a batch up to this size travels in the message itself
_FORMS = ("predict", "serve", "ping")
_EXIT_GRACE_S = 2.0


class ContractError(Exception):
    """run.py does not keep its side of the contract: no record is to blame."""


class Runner:
    """A model. Subclasses write `load` and `predict`, and `add_arguments` where they have options.

    Attributes:
        device: "cpu" or "cuda:0" (whichever GPU the host has chosen is number 0 here).
        options: the options of this call, an argparse.Namespace; `weights_dir` is None or a folder.
    """

    device = "cpu"
    options = argparse.Namespace()
    batch_size = 1024  # records that `predict` gets at once in the one-shot form; a host chooses for itself

    @classmethod
    def add_arguments(cls, parser):
        """Declare options on an argparse parser; each needs a default."""

    def load(self, options):
        """Load the model, once a worker. Import heavy packages here."""

    def predict(self, records):
        """Yield one result (a dict) a record, in order; an exception object in place of a result for one that fails.

        Values may be what JSON has, numpy arrays and CPU tensors. If this raises, the records that have no result yet
        are tried again in halves, down to the one that raises alone; the others get their results.
        """
        raise NotImplementedError

    @classmethod
    def main(cls, argv=None):
        """Do what the command line says: `predict` (may be left out), `serve` or `ping`."""
        arguments = list(sys.argv[1:] if argv is None else argv)
        form = arguments.pop(0) if arguments and arguments[0] in _FORMS else "predict"
        options = _parser(cls, form).parse_args(arguments)
        if form == "ping":
            print("pong")
        elif form == "serve":
            _Server(cls, options).run()
        else:
            _predict_file(cls, options)

    # ------------------------------------------------------------------------------------------------ how it is driven

    @classmethod
    def started(cls, options):
        """A runner with its model loaded."""
        runner = cls()
        runner.device = "cuda:0" if options.device == "cuda" else "cpu"
        runner.options = options
        runner.load(options)
        return runner

    def answer(self, records, emit):
        """Call `emit(result)` once a record, in order; a record that fails gives its exception.

        Raises:
            ContractError: `predict` gave too few or too many results.
        """
        pending = collections.deque([records])
        while pending:
            batch = pending.popleft()
            rest, error = self._answer_batch(batch, emit)
            if error is None:
                continue
            if len(batch) == 1:
                emit(error)  # it failed alone: it is to blame
            else:
                middle = (len(rest) + 1) // 2
                pending.extendleft(part for part in (rest[middle:], rest[:middle]) if part)

    def _answer_batch(self, records, emit):
        """Emit results until `predict` ends or raises; returns the records without a result, and what was raised."""
        done = 0
        try:
            results = iter(self.predict(records))
        except Exception as error:
            return records, _detached(error)
        while True:
            try:
                result = next(results)
            except StopIteration:
                break
            except Exception as error:
                if done == len(records):
                    traceback.print_exc()  # nothing is missing: said in the log, blamed on no record
                    return [], None
                return records[done:], _detached(error)
            if done == len(records):
                raise ContractError("predict gave more than %d results for %d records" % (done, len(records)))
            emit(result)
            done += 1
        if done < len(records):
            raise ContractError("predict gave %d results for %d records" % (done, len(records)))
        return [], None


def _detached(error):
    """The error with its traceback as text, so that it does not keep the batch alive."""
    error.traceback_text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return error.with_traceback(None)


def error_row(error):
    """What stands in a record's place when it fails."""
    text = getattr(error, "traceback_text", None) or "".join(traceback.format_exception_only(type(error), error))
    return {"error": {"type": type(error).__name__, "message": str(error), "traceback": text}}


class ResultLines:
    """Results as lines. Arrays are written as they come; plain results wait, as many lines are cheaper made at once."""

    def __init__(self, encoder):
        self._encoder = encoder
        self._waiting = []
        self._parts = []

    def add(self, result):
        if type(result) is dict and exchange.is_flat(result):
            self._waiting.append(result)
        else:
            self._encode_waiting()
            self._parts.append(self._line(result))

    def take(self):
        """All lines since the last call."""
        self._encode_waiting()
        parts, self._parts = self._parts, []
        return b"".join(parts)

    def _encode_waiting(self):
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        data = exchange.encode_texts(waiting)
        self._parts.append(data if data is not None else b"".join(map(self._line, waiting)))

    def _line(self, result):
        """One result as a line; one that cannot be written becomes that record's error."""
        try:
            row = error_row(result) if isinstance(result, Exception) else result
            return self._encoder.line(row) + b"\n"
        except TypeError as error:
            return exchange.encode_line(error_row(error)) + b"\n"


def _parser(cls, form):
    parser = argparse.ArgumentParser(prog="run.py", description=cls.__doc__ and cls.__doc__.splitlines()[0])
    parser.set_defaults(weights_dir=None, device="cpu")
    if form == "ping":
        return parser
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--weights-dir", help="folder with the pretrained weights")
    if form == "serve":
        parser.add_argument("--input-dir", required=True)
        parser.add_argument("--output-dir", required=True)
        parser.add_argument("--options", type=json.loads, default={}, help="options as a JSON object")
    else:
        parser.add_argument("--input-file", required=True)
        parser.add_argument("--output-file", required=True)
    cls.add_arguments(parser)
    return parser


def _with_options(options, changes):
    """`options` with some changed, or ContractError for one that run.py does not declare."""
    unknown = sorted(set(changes) - set(vars(options)))
    if unknown:
        known = ", ".join(sorted(vars(options)))
        raise ContractError("run.py has no option %s; it has: %s" % (", ".join(map(repr, unknown)), known))
    return argparse.Namespace(**dict(vars(options), **changes))


# ---------------------------------------------------------------------------------------------------- the one-shot form


def _predict_file(cls, options):
    """Read --input-file, write --output-file; the output appears when it is complete."""
    folder, name = os.path.split(os.path.abspath(options.output_file))
    partial = os.path.join(folder, ".%s.%d.partial" % (name, os.getpid()))
    encoder = exchange.BatchEncoder(folder, os.path.splitext(name)[0])
    results = ResultLines(encoder)
    runner = cls.started(options)
    try:
        with open(options.input_file, "rb") as lines, open(partial, "wb") as out:
            for batch in _batches(lines, options.input_file, cls.batch_size):
                runner.answer(batch, results.add)
                out.write(results.take())
        encoder.close()
        os.replace(partial, options.output_file)
    except BaseException:
        encoder.discard()
        if os.path.exists(partial):
            os.unlink(partial)
        raise


def _batches(lines, name, size):
    batch = []
    for number, line in enumerate(lines, 1):
        try:
            batch.append(exchange.decode_line(line))
        except ValueError as error:
            raise exchange.ExchangeError("%s: line %d is no JSON: %s" % (name, number, error)) from None
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


# -------------------------------------------------------------------------------------------------------- the warm form


class _Server:
    """Answers messages on the process's own stdin and stdout, which the model can no longer reach: its prints go to
    stderr. Ends when stdin closes, also from the middle of a forward pass."""

    def __init__(self, cls, options):
        self._cls = cls
        self._options = options
        self._requests = queue.Queue()  # type: queue.Queue[dict[str, object] | None]
        self._busy = False
        self._in, self._out = _take_control_channel()

    def run(self):
        faulthandler.enable()  # a crash in native code leaves its traceback in the log
        threading.Thread(target=self._read, name="repro-stdin", daemon=True).start()
        self._busy = True
        try:
            runner = self._cls.started(_with_options(self._options, self._options.options))
        except Exception as error:
            traceback.print_exc()
            self._send(dict(error_row(_detached(error)), ready=False))
            raise SystemExit(1) from None
        gc.freeze()  # the model lives as long as the process: looking through it again and again finds nothing
        self._send({"ready": True})
        self._busy = False
        while True:
            request = self._requests.get()
            if request is None:
                return
            self._busy = True
            self._handle(runner, request)
            self._busy = False

    def _read(self):
        """The thread on stdin: decodes the next batch while one is computed, and ends the process when stdin closes."""
        for line in self._in:
            if line.strip():
                self._requests.put(self._decode(line))
        if self._busy:
            os._exit(0)
        self._requests.put(None)
        time.sleep(_EXIT_GRACE_S)  # for what the model does at exit; this thread ends with the process
        os._exit(0)

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
            runner.options = _with_options(self._options, dict(self._options.options, **request.get("options", {})))
            self._send_bytes(self._answer(runner, number, request["records"]))
        except Exception as error:
            traceback.print_exc()
            self._send(dict(error_row(_detached(error)), id=number))

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
        except BaseException:
            encoder.discard()
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


def describe(runner):
    """What this worker is: interpreter, device and the packages that are installed beside the model."""
    return {
        "python": platform.python_version(),
        "device": runner.device,
        "device_name": _device_name(runner.device),
        "packages": _packages(),
        "options": {key: value for key, value in vars(runner.options).items() if key not in _NOT_OPTIONS},
    }


_NOT_OPTIONS = ("device", "input_dir", "output_dir", "weights_dir", "options")


def _device_name(device):
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return torch.cuda.get_device_name(0)
    return platform.processor() or platform.machine()


def _packages():
    try:
        from importlib import metadata
    except ImportError:  # Python 3.7
        return {}
    return {dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
