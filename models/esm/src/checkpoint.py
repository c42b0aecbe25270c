"""Published checkpoints of ESM: found in a folder, read without running anything in them, made a model by fair-esm."""

import argparse
import pickle
import re
import struct
import textwrap
import warnings
import zipfile
from pathlib import Path

REGRESSION = "-contact-regression"
FOREIGN_NAME = re.compile(r"GLOBAL (\S+)")
# What reading a file raises that is not what it should be: its bytes are taken for opcodes, lengths and text.
DAMAGE = (ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError)
DAMAGE += (ValueError, struct.error)
REGRESSION_WEIGHT = "contact_head.regression.weight"


class CheckpointError(Exception):
    """The weights cannot be used: says which file and why."""


def find(weights_dir, variant):
    """The checkpoint file: `weights_dir` itself where it is a file, VARIANT.pt in it, or the only other one in it.

    Raises:
        CheckpointError: there is none, or more than one that could be meant.
    """
    if weights_dir is None:
        raise CheckpointError("no weights were given: `repro setup esm --variant %s` fetches them" % variant)
    place = Path(weights_dir)
    if place.is_file():
        return place
    named = place / (variant + ".pt")
    if named.is_file():
        return named
    others = sorted(path for path in place.glob("*.pt") if not path.stem.endswith(REGRESSION))
    if len(others) == 1:
        return others[0]
    found = ", ".join(path.name for path in others) or "no .pt file"
    raise CheckpointError("%s holds no %s; it holds: %s" % (place, named.name, found))


def load(path):
    """As fair-esm makes it: the model (evaluating, on the CPU), its alphabet, and whether it can predict contacts.

    Raises:
        CheckpointError: the file is cut, no ESM checkpoint, of another architecture, or wants to run code.
    """
    import esm

    data = read(path)
    regression_path = path.with_name(path.stem + REGRESSION + ".pt")
    regression = _read(regression_path) if regression_path.is_file() else None
    # fair-esm tells the families apart by the file's name; what is in the file says it too, whatever its name.
    family = "esm2" if "cfg" in data else "esm1"
    try:
        with warnings.catch_warnings():
            # Without regression weights it warns that contacts will be wrong; here they are refused instead.
            warnings.filterwarnings("ignore", message="Regression weights not found")
            model, alphabet = esm.pretrained.load_model_and_alphabet_core(family, data, regression)
    except (RuntimeError, AttributeError, KeyError, TypeError) as error:
        reason = textwrap.shorten(str(error), 200, placeholder=" ...")
        raise CheckpointError("%s does not hold the model that it describes: %s" % (path, reason)) from error
    return model.eval(), alphabet, any(name.endswith(REGRESSION_WEIGHT) for name in data["model"])


def read(path):
    """What a checkpoint holds: {"model": weights by name, and "cfg" (ESM-2) or "args" (ESM-1b, ESM-1v)}, mapped.

    Raises:
        CheckpointError: the file is cut, no ESM checkpoint, of another architecture, or wants to run code.
    """
    data = _read(path)
    _check(path, data)
    return data


def read_regression(path):
    """The weights that predict contacts, by their names in the model. Raises CheckpointError."""
    data = _read(path)
    weights = data.get("model") if isinstance(data, dict) else None
    if not isinstance(weights, dict) or REGRESSION_WEIGHT not in weights:
        raise CheckpointError("%s holds no %s" % (path, REGRESSION_WEIGHT))
    return weights


def _read(path):
    """What torch.save wrote. Only tensors, plain values and argparse.Namespace are taken: nothing is ever run."""
    import torch

    # Files of PyTorch before 1.6 are no zip archives and cannot be mapped.
    mapped = zipfile.is_zipfile(path)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", mmap=mapped, weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = FOREIGN_NAME.search(str(error))
        # Nothing of PyTorch's own message is passed on: it advises to switch safety off.
        if wanted is not None and "." in wanted[1]:
            reason = "it wants to call %s, and a checkpoint holds data alone" % wanted[1]
        else:
            reason = "it is cut, damaged or no file of PyTorch"
        raise CheckpointError("%s is refused: %s" % (path, reason)) from None
    except DAMAGE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CheckpointError("%s is cut, damaged or no file of PyTorch: %s" % (path, reason)) from None


def _check(path, data):
    """Raise CheckpointError for what is no language model of single sequences of the ESM family."""
    kinds = {"esm2": ("cfg", "model"), "esm1": ("args", "model")}
    if not isinstance(data, dict) or not any(all(key in data for key in keys) for keys in kinds.values()):
        found = ", ".join(sorted(map(str, data))[:5]) if isinstance(data, dict) else type(data).__name__
        raise CheckpointError("%s is no checkpoint of fair-esm; it holds: %s" % (path, found))
    if not isinstance(data["model"], dict) or not isinstance(data.get("cfg", {}), dict):
        raise CheckpointError("%s is no checkpoint of fair-esm: what it holds has other types" % path)
    architecture = getattr(data.get("args"), "arch", "")
    if "cfg" not in data and architecture != "roberta_large":
        raise CheckpointError("%s holds another architecture (%s), not ESM-1b, ESM-1v or ESM-2" % (path, architecture))
