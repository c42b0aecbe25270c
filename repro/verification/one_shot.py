"""`run.py --input-file IN --output-file OUT`, really run: in the environment, and as safely, as a worker would be."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import repro.guest
from repro.errors import CommandError, Evidence, OutOfMemoryError, PredictionError, ProtocolError
from repro.exchange_folder import ExchangeFolder
from repro.guest import exchange
from repro.runtimes import docker, local
from repro.runtimes.base import Device, Environment, Exit, Launch
from repro.runtimes.classic import END_WITH_HOST
from repro.runtimes.container import ContainerPlan, run_to_end
from repro.runtimes.gpu import check_gpu
from repro.runtimes.log import LogTail
from repro.verification.compare import Row

_INPUT, _OUTPUT = "records.jsonl", "answers.jsonl"
_READ_BYTES = 1 << 16


def answers_in_one_shot(
    environment: Environment,
    records: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    *,
    weights_dir: Path | None = None,
    device: Device = Device(),
    exchange_root: Path | None = None,
) -> list[Row]:
    """The answers of `run.py` in its one-shot form; errors of records in their places.

    Args:
        environment: where the model is set up.
        records: what is written to the input file, as it is.
        options: of run.py; a flag where a value is true, left out where it is false or None.
        weights_dir: what `--weights-dir` names.

    Raises:
        CommandError: it ended with another status than 0.
        OutOfMemoryError: it was killed for want of memory.
        ProtocolError: it wrote no output, or one that cannot be read.
    """
    folder = ExchangeFolder(exchange_root)
    try:
        exchange.write_batch(records, str(folder.input_dir), _INPUT)
        launch = Launch(
            options={"variant": options["variant"]} if "variant" in options else {},
            input_dir=folder.input_dir,
            output_dir=folder.output_dir,
            weights_dir=weights_dir,
            device=device,
            scratch_dir=folder.path,
        )
        run = _run_in_container if environment.runtime == "docker" else _run_locally
        run(environment, launch, option_words(options))
        return _rows(folder.output_dir)
    finally:
        folder.remove()


def option_words(options: Mapping[str, Any]) -> list[str]:
    """Options as they are typed.

    >>> option_words({"layers": [0, -1], "score": True, "contacts": False, "tone": "low", "shift": "-a"})
    ['--layers', '0', '-1', '--score', '--tone', 'low', '--shift=-a']
    """
    words: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif isinstance(value, (list, tuple)):
            words += [flag, *map(_word, value)]
        elif value is not None and value is not False:
            word = _word(value)
            words += [f"{flag}={word}"] if word.startswith("-") else [flag, word]
    return words


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _run_in_container(environment: Environment, launch: Launch, options: Sequence[str]) -> None:
    spec = environment.spec
    served = docker.worker_arguments(launch, environment.baked)
    words = [*spec.command, *_files(docker.INPUT / _INPUT, docker.OUTPUT / _OUTPUT), *_shared(served), *options]
    plan = ContainerPlan(
        image=environment.identity,
        command=("/bin/sh", "-c", END_WITH_HOST, "sh", *words),
        read_only=docker.read_only_mounts(launch),
        writable={launch.output_dir: docker.OUTPUT},
        device=launch.device,
        labels={"repro.model": spec.name, "repro.image": spec.image},
    )
    _check(*run_to_end(plan, LogTail()))


def _run_locally(environment: Environment, launch: Launch, options: Sequence[str]) -> None:
    if launch.device.is_gpu:
        check_gpu(launch.device)
    assert launch.scratch_dir is not None
    home = launch.scratch_dir / "home"
    (home / "work").mkdir(parents=True)
    (home / "repro_guest").symlink_to(Path(repro.guest.__file__).parent)
    served = local.worker_command(environment, launch)
    program = served[: served.index("serve")]
    files = _files(launch.input_dir / _INPUT, launch.output_dir / _OUTPUT)
    log_file = launch.scratch_dir / "log.txt"  # not a pipe: a child that outlives run.py would hold that open
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*program, *files, *_shared(served), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home / "work",
            env=local.worker_environment(os.environ, home, launch),
            start_new_session=True,  # Ctrl-C is for this process, which ends that one
        )
    try:
        code = process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    _check(Exit(code), replace(environment.evidence, exit_code=code, log_tail=_tail(log_file)))


def _tail(path: Path) -> tuple[str, ...]:
    tail = LogTail()
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _READ_BYTES))
        tail.feed(log.read())
    tail.close()
    return tail.lines()


def _files(input_file: object, output_file: object) -> list[str]:
    return ["--input-file", str(input_file), "--output-file", str(output_file)]


def _shared(served: Sequence[str]) -> list[str]:
    """Device and weights, as `serve` gets them."""
    words = list(served)
    return [word for name in ("--device", "--weights-dir") if name in words for word in _pair(words, name)]


def _pair(words: list[str], name: str) -> list[str]:
    place = words.index(name)
    return words[place : place + 2]


def _check(ended: Exit, evidence: Evidence) -> None:
    if ended.oom_killed:
        raise OutOfMemoryError("run.py was killed for want of memory in its one-shot form", evidence=evidence)
    if ended.code != 0:
        raise CommandError(
            f"run.py ended with status {ended.code} in its one-shot form (--input-file, --output-file)",
            fix="the last log lines say why",
            evidence=evidence,
        )


def _rows(folder: Path) -> list[Row]:
    try:
        rows = exchange.read_batch(str(folder), _OUTPUT)
    except exchange.ExchangeError as error:
        raise ProtocolError(f"the output of run.py in its one-shot form cannot be read: {error}") from None
    return [_row(index, row) for index, row in enumerate(rows)]


def _row(index: int, row: Any) -> Row:
    if not isinstance(row, dict):
        raise ProtocolError(f"run.py wrote no JSON object for record {index} in its one-shot form: {str(row)[:80]}")
    said = row.get("error")
    if len(row) == 1 and isinstance(said, dict) and "type" in said and "message" in said:
        return PredictionError(index, str(said["type"]), str(said["message"]), str(said.get("traceback", "")))
    return row
