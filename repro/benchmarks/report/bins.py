"""Many points as counts in a grid: every row is in the picture, and the page stays small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OUTER = 0.05
"""Per cent of the rows at each end that a bin at the edge may hold: one outlier would leave all others in one bin."""


def count_in_bins(measured: NDArray[np.float64], predicted: NDArray[np.float64], side: int) -> dict[str, Any]:
    """Counts of rows in `side` x `side` bins: edges of both axes, and place and count of each bin that has any.

    `places` are `row * side + column`, where rows go with the predicted and columns with the measured value. `outside`
    rows lie beyond the edges, and are counted in the outermost bins.

    >>> import numpy as np
    >>> found = count_in_bins(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]), side=2)
    >>> found["places"], found["counts"], found["outside"]
    ([0, 3], [2, 1], 0)
    """
    import numpy as np

    x_edges, x_places, x_outside = _along(measured, side)
    y_edges, y_places, y_outside = _along(predicted, side)
    counts = np.bincount(y_places * side + x_places, minlength=side * side)
    places = np.flatnonzero(counts)
    return {
        "side": side,
        "x": x_edges,
        "y": y_edges,
        "places": places.tolist(),
        "counts": counts[places].tolist(),
        "outside": int((x_outside | y_outside).sum()),
    }


def _along(values: NDArray[np.float64], side: int) -> tuple[list[float], NDArray[np.int64], NDArray[np.bool_]]:
    """First and last edge of one axis, the bin of each value, and whether it lies beyond the edges."""
    import numpy as np

    low = float(np.percentile(values, _OUTER, method="lower"))
    high = float(np.percentile(values, 100 - _OUTER, method="higher"))
    if not low < high:
        low, high = float(values.min()), float(values.max())
    if not low < high:  # all the same
        return [low - 0.5, high + 0.5], np.full(len(values), side // 2), np.zeros(len(values), dtype=np.bool_)
    outside = (values < low) | (values > high)
    # In halves: the span of two finite numbers may be infinite.
    share = (np.clip(values, low, high) / 2 - low / 2) / (high / 2 - low / 2)
    return [low, high], np.minimum((share * side).astype(np.int64), side - 1), outside
