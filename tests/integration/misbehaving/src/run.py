"""A model that does what each record says, so that tests can make every kind of trouble with it."""

import ctypes
import os
import signal
import subprocess
import sys
import time

from repro_guest import Runner


class Misbehaving(Runner):
    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--at-load", default="", help="what to do when the model is loaded")
        parser.add_argument("--seconds", type=float, default=0.0, help="how long loading takes")
        parser.add_argument("--suffix", default="", help="may differ from call to call")

    def load(self, options):
        time.sleep(options.seconds)
        if options.at_load:
            self._do({"do": options.at_load})

    def predict(self, records):
        for record in records:
            self._note(record)
            if record["do"] == "too-few":
                continue
            yield self._do(record)
            if record["do"] == "too-many":
                yield {}

    def train(self, task):
        raise ValueError("nothing can be learned here: " + self.options.suffix)

    def _note(self, record):
        """Leave a line that the host can count: this record was begun."""
        if "note" in record:
            with open(os.path.join(self.options.output_dir, "notes.txt"), "a") as file:
                file.write("%s\n" % record["note"])

    def _do(self, record):
        return getattr(self, "_" + record["do"].replace("-", "_"))(record)

    # ------------------------------------------------------------------------------------------------ what is expected

    def _reverse(self, record):
        return {"output": record.get("text", "")[::-1] + self.options.suffix}

    def _slow_reverse(self, record):
        time.sleep(0.002)
        return self._reverse(record)

    def _echo(self, record):
        return {"value": record.get("value")}

    def _python(self, record):
        """Run code; what it leaves in `answer` goes back."""
        names = {"os": os, "sys": sys, "runner": self, "subprocess": subprocess}
        exec(record["code"], names)
        return {"value": names["answer"]}

    def _arrays(self, record):
        import numpy

        size = numpy.prod(record["shape"], dtype=int)
        return {"array": numpy.arange(size, dtype=record["dtype"]).reshape(record["shape"]), "name": record["name"]}

    def _sum(self, record):
        return {"sum": record["array"].sum().item(), "dtype": str(record["array"].dtype)}

    def _sleep(self, record):
        time.sleep(record["seconds"])
        return {"slept": record["seconds"]}

    def _give(self, record):
        return record["answer"]

    def _refill(self, record):
        """Answers in one object that is filled again for each record."""
        if not hasattr(self, "_same"):
            self._same = {"dict": {}, "list": {"value": [0]}, "array": {"value": None}}[record["form"]]
        if record["form"] == "dict":
            self._same["value"] = record["value"]
            return self._same
        if record["form"] == "array" and self._same["value"] is None:
            import numpy  # loaded in the middle of the first batch, as some models do

            self._same["value"] = numpy.zeros(1)
        self._same["value"][0] = record["value"]
        return self._same

    # ------------------------------------------------------------------------------------------------ what is a trouble

    def _too_few(self, record):
        raise AssertionError("never called")

    def _too_many(self, record):
        return {}

    def _hang(self, record):
        time.sleep(3600)

    def _c_call(self, record):
        ctypes.CDLL(None).sleep(3600)  # ctypes lets go of the GIL, as PyTorch does

    def _c_call_with_the_lock(self, record):
        ctypes.PyDLL(None).sleep(3600)

    def _exit0(self, record):
        sys.exit(0)

    def _kill9(self, record):
        os.kill(os.getpid(), signal.SIGKILL)

    def _kill9_once(self, record):
        mark = os.path.join(self.options.output_dir, "killed-once")
        if not os.path.exists(mark):
            open(mark, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"output": "survived"}

    def _segfault(self, record):
        ctypes.string_at(0)

    def _allocate(self, record):
        held = [bytearray(os.urandom(1 << 20)) for _ in range(record.get("megabytes", 4096))]
        return {"megabytes": len(held)}

    def _raise(self, record):
        raise ValueError("the model cannot take %r" % record.get("text"))

    def _yield_error(self, record):
        return KeyError("no such residue")

    def _print(self, record):
        print('{"repro":1,"id":1,"results":[]}')
        sys.stdout.write("half a line")
        os.write(1, b"\xff\xfe straight to the descriptor \n")
        subprocess.call(["echo", "from a child"])
        print("to stderr", file=sys.stderr)
        return {"printed": True}

    def _no_object(self, record):
        return "text, and no dict"

    def _no_json(self, record):
        return {"value": {1, 2}}

    def _reserved(self, record):
        return {"value": {"$npy": "x"}}

    def _raise_odd(self, record):
        class OddError(Exception):
            def __str__(self):
                raise RuntimeError("no text")

        raise OddError

    def _leave_a_child(self, record):
        child = subprocess.Popen(["sleep", "3600"])
        return {"pid": child.pid}


if __name__ == "__main__":
    Misbehaving.main()
