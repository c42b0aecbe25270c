"""Measure the hand-over between host and worker: latency, throughput, arrays, memory. Prints a table and writes JSON.

Everything that is compared is measured in this one run, in turn, so that a machine that speeds up or slows down does
so for both sides. Figures are medians.

    python scripts/bench/handover.py [--runtime docker|local] [--only NAME ...] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from repro.model import Model
from repro.runtimes.choice import choose_runtime, runtime_named
from repro.setting_up import SetupRequest, SetupSubcommand
from repro.settings import load_settings

HERE = Path(__file__).parent
TEXT = "ACDEFGHIKLMNPQRSTVWY" * 10
ROUNDS = 5


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    measured: str
    target: str
    reached: bool


def set_up(model: type[Model], runtime: str) -> None:
    settings = load_settings()
    request = SetupRequest(model, runtime_named(runtime, settings), settings, report=lambda line: None)
    SetupSubcommand.of(model).run(request)


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turn(*actions: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Median seconds of each action, the actions taking turns."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for action, mine in zip(actions, times, strict=True):
            mine.append(seconds(action))
    return [statistics.median(mine) for mine in times]


# ------------------------------------------------------------------------------------------------- a container per call


class ContainerPerCall:
    """What the predecessor does: JSONL into a folder, a new container of the classic run.py, JSONL out of it."""

    def __init__(self) -> None:
        from repro.images.build import build_image

        self.image = "repro-bench/classic:1"
        build_image(HERE / "classic", self.image, report=lambda line: None)

    def predict_batch(self, records: list[dict[str, str]]) -> list[str]:
        from repro.common.docker import DockerContainer
        from repro.common.io import read_jsonl_file

        with DockerContainer(self.image) as backend:
            with Path(backend.host_dir, "input.jsonl").open("w") as out:
                for record in records:
                    out.write(json.dumps(record) + "\n")
            inside = backend.container_dir
            backend.run_command(
                f"python run.py --input-file {inside}/input.jsonl --output-file {inside}/output.jsonl",
                network_disabled=True,
            )
            return [result["output"] for result in read_jsonl_file(f"{backend.host_dir}/output.jsonl")]


def calls(runtime: str) -> Iterator[Figure]:
    """Latency of one record and throughput of 100,000, against a container per call."""
    from repro.models.tutorial import TutorialModel

    set_up(TutorialModel, runtime)
    many = [{"text": TEXT} for _ in range(100_000)]
    with TutorialModel(runtime=runtime) as model:
        for _ in range(20):
            model.predict("warm")
        latencies = sorted(seconds(lambda: model.predict("abc")) for _ in range(1000))
        median_ms = latencies[500] * 1e3
        yield Figure("warm predict(), median", f"{median_ms:.2f} ms", "at most 0.5 ms", median_ms <= 0.5)
        if runtime != "docker":
            took = in_turn(lambda: model.predict_batch(many))[0]
            yield Figure("predict_batch of 100,000 records", f"{took:.2f} s", "", True)
            return
        classic = ContainerPerCall()
        one, classic_one = in_turn(
            lambda: [model.predict("abc") for _ in range(100)], lambda: classic.predict_batch(many[:1])
        )
        ratio = classic_one / (one / 100)
        yield Figure("the same against a container per call", f"{ratio:.0f} x", "at least 300 x", ratio >= 300)
        warm, cold = in_turn(lambda: model.predict_batch(many), lambda: classic.predict_batch(many))
        assert model.predict_batch(many) == classic.predict_batch(many)
        yield Figure(
            "predict_batch of 100,000 records, against a container per call",
            f"{cold / warm:.1f} x ({warm:.2f} s, {cold:.2f} s)",
            "at least 4 x",
            cold / warm >= 4,
        )


# ------------------------------------------------------------------------------------------------- against in process


def antiberty(runtime: str) -> Iterator[Figure]:
    """Embeddings through a session, against the same Runner called in the same environment's own process."""
    from repro.models.antiberty import AntiBERTy

    set_up(AntiBERTy, runtime)
    fasta = Path(str(AntiBERTy.container_folder())) / "examples" / "antibodies.fasta"
    sequences = ["".join(part.split("\n")[1:]) for part in fasta.read_text().split(">")[1:]]
    records = [{"sequence": sequences[index % len(sequences)]} for index in range(256)]
    with AntiBERTy(runtime=runtime) as model, InProcess(AntiBERTy, runtime, records) as direct:
        model.predict_batch(records[:8])
        direct.seconds(0)
        # A batch at a time, in turn: the machine's speed has no time to change between the two of a pair.
        batches = [records[first : first + model.batch_size] for first in range(0, len(records), model.batch_size)]
        pairs = [
            (seconds(lambda batch=batch: model.predict_batch(batch)), direct.seconds(number))
            for _ in range(ROUNDS)
            for number, batch in enumerate(batches)
        ]
    session, process = (statistics.median(times) * len(batches) for times in zip(*pairs, strict=True))
    slower = statistics.median(one / other for one, other in pairs) - 1
    yield Figure(
        "AntiBERTy, 256 sequences, through a session, against in process",
        f"{slower:+.1%} ({session:.2f} s, {process:.2f} s)",
        "at most +3 %",
        slower <= 0.03,
    )


class InProcess:
    """A process of the model's own environment (or image) that calls the Runner itself and says how long it took."""

    def __init__(self, model: type[Model], runtime: str, records: list[dict[str, str]]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="repro-bench-")
        # In the batches in which the session hands them over: what is computed is the same.
        batches = [records[first : first + model.batch_size] for first in range(0, len(records), model.batch_size)]
        Path(self._folder.name, "batches.json").write_text(json.dumps(batches))
        Path(self._folder.name, "inprocess.py").write_text((HERE / "inprocess.py").read_text())
        self._process = subprocess.Popen(
            self._command(model, runtime), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def _command(self, model: type[Model], runtime: str) -> list[str]:
        folder = self._folder.name
        if runtime == "docker":
            image = [f"--volume={folder}:/bench:ro", "--network=none", "--tmpfs=/tmp", model.default_image]
            return ["docker", "run", "--rm", "--interactive", *image, "python", "/bench/inprocess.py", "/app", "/bench"]
        python = str(runtime_named("local", load_settings()).find(model.spec()).python)
        import repro.guest

        guest = Path(folder, "guest")
        guest.mkdir()
        (guest / "repro_guest").symlink_to(Path(repro.guest.__file__).parent)
        source = str(model.container_folder() / "src")
        return ["env", f"PYTHONPATH={guest}", python, f"{folder}/inprocess.py", source, folder]

    def seconds(self, number: int) -> float:
        """How long batch `number` takes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


# -------------------------------------------------------------------------------------------------------------- arrays


def arrays(runtime: str) -> Iterator[Figure]:
    """1 GB of per-residue embeddings, against writing the same to one `.npy` file and mapping it."""
    import numpy as np

    model_class = _arrays_model()
    set_up(model_class, runtime)
    lengths = [200 + 37 * index % 300 for index in range(600)]
    scale = (1 << 30) / (sum(lengths) * 1280 * 4)
    records = [{"length": int(length * scale)} for length in lengths]
    rows = sum(record["length"] for record in records)
    with model_class(runtime=runtime, batch_size=64) as model, tempfile.TemporaryDirectory() as folder:
        made = np.ones((rows, 1280), np.float32)
        path = Path(folder, "direct.npy")

        def direct() -> int:
            np.save(path, made)
            return rows_of([np.load(path, mmap_mode="r")])

        def handed_over() -> int:
            return rows_of(answer["embedding"] for answer in model.stream(records))

        assert handed_over() == direct()
        session, plain = in_turn(handed_over, direct)
    yield Figure(
        f"{made.nbytes / 2**30:.2f} GB of per-residue embeddings, against writing and mapping .npy",
        f"{session / plain:.2f} x ({session:.2f} s, {plain:.2f} s)",
        "at most 1.5 x",
        session / plain <= 1.5,
    )


def rows_of(parts: Iterable[Any]) -> int:
    """Read a number of each page, as a user of the arrays would at least do; how many rows there were."""
    rows = 0
    for part in parts:
        assert part.reshape(-1)[::1024].min() == 1
        rows += len(part)
    return rows


def _arrays_model() -> type[Model]:
    from pydantic import BaseModel

    class Inputs(BaseModel):
        length: int

    class Arrays(Model):
        default_image = "repro-bench/arrays:1"
        folder = HERE / "arrays"

    Arrays.Inputs = Inputs
    Arrays.name = "bench-arrays"
    return Arrays


# -------------------------------------------------------------------------------------------------------------- memory


def memory(runtime: str) -> Iterator[Figure]:
    """Peak memory of the host's process while 5 million records stream, over that with one record."""
    count = 5_000_000
    command = [sys.executable, __file__, "--runtime", runtime, "--stream"]
    empty = int(subprocess.run([*command, "1"], check=True, capture_output=True, text=True).stdout)
    full = int(subprocess.run([*command, str(count)], check=True, capture_output=True, text=True).stdout)
    over_mb = (full - empty) / 1024
    yield Figure(
        f"peak host memory, stream of {count:,} records, over an empty start",
        f"{over_mb:.0f} MB",
        "at most 100 MB",
        over_mb <= 100,
    )


def stream(runtime: str, count: int) -> None:
    """In a process of its own: stream `count` records and print the peak resident kilobytes."""
    from repro.models.tutorial import TutorialModel

    with TutorialModel(runtime=runtime) as model:
        done = sum(1 for _ in model.stream({"text": TEXT} for _ in range(count)))
    assert done == count
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


MEASUREMENTS: dict[str, Callable[[str], Iterator[Figure]]] = {
    "calls": calls,
    "antiberty": antiberty,
    "arrays": arrays,
    "memory": memory,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runtime", choices=["docker", "local"])
    parser.add_argument("--only", nargs="+", choices=list(MEASUREMENTS), default=list(MEASUREMENTS))
    parser.add_argument("--json", type=Path, default=Path(".bench/handover.json"))
    parser.add_argument("--stream", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    runtime = options.runtime or choose_runtime(None, load_settings()).name
    if options.stream is not None:
        stream(runtime, options.stream)
        return 0
    figures = [figure for name in options.only for figure in _told(name, runtime)]
    report = {
        "runtime": runtime,
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load": os.getloadavg()[0],
        "figures": [asdict(figure) for figure in figures],
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(f"written: {options.json}")
    return 0 if all(figure.reached for figure in figures) else 1


def _told(name: str, runtime: str) -> Iterator[Figure]:
    from rich.console import Console
    from rich.table import Table

    figures = list(MEASUREMENTS[name](runtime))
    table = Table("what", "measured", "to reach", "reached", title=f"{name} ({runtime})", title_justify="left")
    for figure in figures:
        table.add_row(figure.what, figure.measured, figure.target, "yes" if figure.reached else "NO")
    Console(width=140).print(table)
    yield from figures


if __name__ == "__main__":
    sys.exit(main())
