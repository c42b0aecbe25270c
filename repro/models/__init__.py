"""The host's side of every model, a folder each."""

from repro.declared import Array
from repro.model import Model
from repro.parallel import ParallelModel

__all__ = ["Array", "Model", "ParallelModel"]
