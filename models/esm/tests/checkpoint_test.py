"""Checkpoints that are not what they should be: refused before anything is computed, and nothing in them is run."""

import json
import os
import pickle
import subprocess
import zipfile
from argparse import Namespace

import pytest

from models.esm.tests import FIXTURES_ROOT
from repro.cli import main
from repro.errors import WorkerStartError
from repro.models.esm import ESM
from repro.runtimes.choice import choose_runtime
from repro.settings import load_settings

GOOD = FIXTURES_ROOT / "esm2_t6_8M_UR50D.pt"
OLD_FORMAT = FIXTURES_ROOT / "esm1b_t33_650M_UR50S.pt"

LOAD_EACH = """
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
import checkpoint
for path in sys.argv[2:]:
    try:
        checkpoint.load(pathlib.Path(path))
        print(json.dumps("loaded"))
    except checkpoint.CheckpointError as error:
        print(json.dumps(str(error)))
"""


class RunsCode:
    """Unpickled by a careless reader, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def write_checkpoint(path, content):
    """A file in PyTorch's format that holds `content`: a good one whose pickle is replaced."""
    with zipfile.ZipFile(GOOD) as good, zipfile.ZipFile(path, "w") as out:
        for entry in good.infolist():
            replaced = entry.filename.endswith("/data.pkl")
            out.writestr(entry, pickle.dumps(content, protocol=2) if replaced else good.read(entry))


def write_first_half(path, whole):
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.fixture(scope="module")
def environment():
    return choose_runtime("local", load_settings()).setup(ESM.spec(), lambda line: None)


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """A folder of bad checkpoints."""
    folder = tmp_path_factory.mktemp("checkpoints")
    runs_code = RunsCode(folder / "made-by-the-pickle")
    write_checkpoint(folder / "runs-code.pt", {"cfg": {"model": runs_code}, "model": {}})
    (folder / "bare-runs-code.pt").write_bytes(pickle.dumps(runs_code, protocol=2))
    write_first_half(folder / "cut.pt", GOOD)
    write_first_half(folder / "cut-old-format.pt", OLD_FORMAT)
    (folder / "empty.pt").touch()
    (folder / "text.pt").write_text("Not found\n")
    write_checkpoint(folder / "msa.pt", {"args": Namespace(arch="msa_transformer"), "model": {}})
    write_checkpoint(folder / "bert.pt", {"bert.embeddings": 1})
    (folder / "lacks-a-layer.pt").write_bytes((FIXTURES_ROOT / "esm2_lacks_a_layer.pt").read_bytes())
    return folder


@pytest.fixture(scope="module")
def said(environment, bad):
    """What is said of each bad checkpoint, by its name."""
    paths = sorted(bad.glob("*.pt"))
    source = environment.spec.folder / "src"
    command = [environment.python, "-c", LOAD_EACH, source, *paths]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    lines = map(json.loads, done.stdout.splitlines())
    return {path.name: line for path, line in zip(paths, lines, strict=True)}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("runs-code.pt", "runs-code.pt is refused: it wants to call posix.mkdir"),
        ("bare-runs-code.pt", "is refused: it wants to call posix.mkdir"),
        ("cut.pt", "cut.pt is cut, damaged or no file of PyTorch"),
        ("cut-old-format.pt", "cut-old-format.pt is cut, damaged or no file of PyTorch: unexpected EOF"),
        ("empty.pt", "is cut, damaged or no file of PyTorch"),
        ("text.pt", "is cut, damaged or no file of PyTorch"),
        ("msa.pt", "holds another architecture (msa_transformer), not ESM-1b, ESM-1v or ESM-2"),
        ("bert.pt", "is no checkpoint of fair-esm; it holds: bert.embeddings"),
        ("lacks-a-layer.pt", "does not hold the model that it describes: Error(s) in loading state_dict"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_said(said, name, message):
    assert message in said[name]
    assert "weights_only" not in said[name]  # PyTorch's own advice is to switch safety off


@pytest.mark.usefixtures("said")
def test_nothing_in_a_checkpoint_is_run(bad):
    assert not (bad / "made-by-the-pickle").exists()


@pytest.mark.usefixtures("environment")
def test_a_refused_checkpoint_ends_the_start_of_the_worker_with_the_reason(bad):
    with ESM(weights=bad / "runs-code.pt", runtime="local") as model, pytest.raises(WorkerStartError) as caught:
        model.predict("MKTA")

    assert "it wants to call posix.mkdir" in str(caught.value)
    assert not (bad / "made-by-the-pickle").exists()


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("runs-code.pt", "it wants to call posix.mkdir"),
        ("cut.pt", "cut.pt is cut, damaged or no file of PyTorch"),
        ("msa.pt", "holds another architecture (msa_transformer)"),
        ("lacks-a-layer.pt", "does not hold the model that it describes"),
    ],
)
def test_on_the_command_line_a_bad_checkpoint_is_told_and_leaves_no_output(bad, tmp_path, capfd, name, reason):
    table = tmp_path / "variants.csv"
    table.write_text("mutant\nK2R\n")
    words = ["predict", "esm", str(table), "-o", str(tmp_path / "out.csv"), "--task", "score", "--wild-type", "MKTA"]

    assert main([*words, "--weights", str(bad / name), "--runtime", "local"]) == 7

    assert reason in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["variants.csv"]
    assert not (bad / "made-by-the-pickle").exists()
