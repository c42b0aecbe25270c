"""The host's side of every model, a folder each."""

from repro.model import Model
from repro.parallel import ParallelModel

__all__ = ["Model", "ParallelModel"]
