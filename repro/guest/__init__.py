"""What runs beside a model, inside its container, where this package is importable as `repro_guest`.

Standard library alone, Python 3.7 and later; numpy only where the model has it.
"""

from .exchange import ExchangeError, read_batch, write_batch
from .runner import Runner

__all__ = ["ExchangeError", "Runner", "read_batch", "write_batch"]
