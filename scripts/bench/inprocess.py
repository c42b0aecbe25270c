"""Runs inside a model's environment: loads its Runner and, for each number on stdin, prints how long that batch takes.

python inprocess.py FOLDER_OF_RUN_PY FOLDER_OF_BATCHES
"""

import importlib.util
import json
import sys
import time
from pathlib import Path

source, folder = sys.argv[1:3]
sys.path.insert(0, source)
specification = importlib.util.spec_from_file_location("run", Path(source, "run.py"))
module = importlib.util.module_from_spec(specification)
specification.loader.exec_module(module)

from repro_guest import Runner  # noqa: E402
from repro_guest.runner import _parser  # noqa: E402

runner_class = next(
    cls for cls in vars(module).values() if isinstance(cls, type) and issubclass(cls, Runner) and cls is not Runner
)
options = _parser(runner_class, "predict").parse_args(["--input-file", "-", "--output-file", "-"])
runner = runner_class.started(options)
batches = json.loads(Path(folder, "batches.json").read_text())
for line in sys.stdin:
    records = batches[int(line)]
    start = time.perf_counter()
    results = []
    runner.answer(records, results.append)
    assert len(results) == len(records)
    print(time.perf_counter() - start, flush=True)
