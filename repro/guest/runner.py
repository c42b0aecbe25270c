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
import json
import os
import sys
import traceback

from . import baked, exchange
from .results import ContractError, HandOverError, ResultLines, detached
from .server import Server

_FORMS = ("predict", "serve", "train", "ping")
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # NVIDIA's driver, that of Windows under Linux, AMD's


class NoGpuError(Exception):
    """A GPU was asked for and there is none: never a silent fall to the CPU."""


class Runner:
    """A model. Subclasses write `load` and `predict`, and `add_arguments` where they have options.

    Attributes:
        device: "cpu" or "cuda:0" (whichever GPU the host has chosen is number 0 here).
        options: the options of this call, an argparse.Namespace; `weights_dir` is None or a folder.
        call: the same for all batches of one call, and another for the next; None where the host does not tell.
    """

    device = "cpu"
    options = argparse.Namespace()
    call = None
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

    zero_shot = False  # True: `train` learns nothing, it scores; all folds are given to it together
    ignored_hyper_params = {}  # noqa: RUF012  # name -> why: hyper-parameters of cards that mean nothing to this model

    @classmethod
    def learns_nothing(cls, options):
        """Whether `train` learns nothing with these options; for a model that may do either, by what is asked for."""
        return cls.zero_shot

    def train(self, task):
        """Learn from `task.train` and return a number for each row of `task.test`, in order. Once a fold.

        `task` is a `repro_guest.training.Task`; `self.options` has the hyper-parameters. `load` was called before.
        What is learned may be kept in `task.output_dir`.
        """
        raise NotImplementedError

    @classmethod
    def add_training_arguments(cls, parser):
        """Declare options of `train` alone: its hyper-parameters; each needs a default."""

    @classmethod
    def main(cls, argv=None):
        """Do what the command line says: `predict` (may be left out), `serve`, `train` or `ping`."""
        arguments = list(sys.argv[1:] if argv is None else argv)
        form = arguments.pop(0) if arguments and arguments[0] in _FORMS else "predict"
        if form == "train":
            from . import training  # what it imports would be a part of every worker's start

            training.main(cls, arguments)
            return
        options = _parser(cls, form).parse_args(arguments)
        if form == "ping":
            print("pong")
        elif form == "serve":
            Server(cls, options).run()
        else:
            _predict_file(cls, options)

    # ------------------------------------------------------------------------------------------------ how it is driven

    @classmethod
    def started(cls, options):
        """A runner with its model loaded."""
        runner = cls.prepared(options)
        runner.load(options)
        return runner

    @classmethod
    def prepared(cls, options):
        """A runner that knows its device and options."""
        runner = cls()
        if options.weights_dir is None:
            options.weights_dir = baked.folder_of(getattr(options, "variant", None))
        if options.device == "cuda" and not any(map(os.path.exists, _GPU_DEVICES)):
            raise NoGpuError("no GPU is to be seen here: none of " + ", ".join(_GPU_DEVICES))
        runner.device = "cuda:0" if options.device == "cuda" else "cpu"
        runner.options = options
        return runner

    def answer(self, records, emit):
        """Call `emit(result)` once a record, in order; a record that fails gives its exception.

        Raises:
            ContractError: `predict` gave too few or too many results.
            HandOverError: `emit` cannot write.
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
            for result in self.predict(records):
                if done == len(records):
                    raise ContractError("predict gave more than %d results for %d records" % (done, done))
                emit(result)
                done += 1
        except (ContractError, HandOverError):
            raise
        except Exception as error:
            if done < len(records):
                return records[done:], detached(error)
            traceback.print_exc()  # nothing is missing: said in the log, blamed on no record
        if done < len(records):
            raise ContractError("predict gave %d results for %d records" % (done, len(records)))
        return [], None


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
    baked.prefer_the_only_variant(parser)
    return parser


# ---------------------------------------------------------------------------------------------------- the one-shot form


def _predict_file(cls, options):
    """Read --input-file, write --output-file; the output appears when it is complete."""
    folder, name = os.path.split(os.path.abspath(options.output_file))
    partial = os.path.join(folder, ".%s.%d.partial" % (name, os.getpid()))
    encoder = exchange.BatchEncoder(folder, os.path.splitext(name)[0])
    results = ResultLines(encoder)
    runner = cls.started(options)
    runner.call = 0  # all of the file
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
