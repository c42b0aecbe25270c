"""repro: run published models of biology reproducibly, each in an environment of its own.

>>> import repro
>>> repro.Model.by_name("tutorial").__name__
'TutorialModel'
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro._version import __version__

if TYPE_CHECKING:
    from repro.model import Model
    from repro.parallel import ParallelModel
    from repro.session import Session

_HERE = Path(__file__).resolve().parent
_CARRIED = _HERE / "_containers"
# In a checkout the container sides stand beside the package; the wheel carries them inside it.
MODELS_ROOT = str(_CARRIED if _CARRIED.is_dir() else _HERE.parent / "models")
"""The folder with the container sides of all models."""

_LAZY = {"Model": "repro.model", "ParallelModel": "repro.parallel", "Session": "repro.session"}

__all__ = ["MODELS_ROOT", "Model", "ParallelModel", "Session", "__version__"]


def __getattr__(name: str) -> Any:
    # `import repro` stays light: what needs more is imported when it is named.
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'repro' has no attribute {name!r}")
