"""Whether a model gives its golden answers here, and behaves as every model must."""

from repro.verification.compare import (
    Comparison,
    Difference,
    ExpectedError,
    Tolerance,
    Tolerances,
    compare,
    compare_rows,
)

__all__ = [
    "Comparison",
    "Difference",
    "ExpectedError",
    "Tolerance",
    "Tolerances",
    "compare",
    "compare_rows",
]
