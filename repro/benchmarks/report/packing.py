"""Numbers as short text for a page: 16 bits each, which is finer than any screen."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MISSING = 0xFFFF
_STEPS = MISSING - 1


def pack(values: NDArray[np.float64]) -> dict[str, Any]:
    """`low`, `high` and base64 of little-endian unsigned 16-bit steps between them; NaN is 0xFFFF.

    >>> import numpy as np
    >>> pack(np.array([0.0, 1.0, np.nan]))
    {'low': 0.0, 'high': 1.0, 'steps': 'AAD+////'}
    """
    import numpy as np

    there = np.isfinite(values)
    if not there.any():
        return {"low": 0.0, "high": 0.0, "steps": _base64(np.full(len(values), MISSING, dtype="<u2"))}
    low, high = float(values[there].min()), float(values[there].max())
    steps = np.full(len(values), MISSING, dtype="<u2")
    # In halves: the span of two finite numbers may be infinite.
    share = (values[there] / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)
    steps[there] = np.rint(share * _STEPS).astype("<u2")
    return {"low": low, "high": high, "steps": _base64(steps)}


def pack_codes(codes: NDArray[np.uint16]) -> str:
    """Small whole numbers as base64 of little-endian unsigned 16-bit numbers."""
    return _base64(codes.astype("<u2"))


def _base64(steps: NDArray[np.uint16]) -> str:
    return b64encode(steps.tobytes()).decode("ascii")
