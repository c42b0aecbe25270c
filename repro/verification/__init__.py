"""Whether a model gives its golden answers here, and behaves as every model must."""

from repro.verification.compare import Comparison, Difference, ExpectedError, compare, compare_rows
from repro.verification.conformance import Check
from repro.verification.golden import Golden, GoldenCase, GoldenError, HeldAgainst, Made
from repro.verification.golden_file import GOLDEN_FILE, load_golden
from repro.verification.report import CaseResult, Report
from repro.verification.tolerance import Tolerance, Tolerances
from repro.verification.verify import Request, verify_model

__all__ = [
    "GOLDEN_FILE",
    "CaseResult",
    "Check",
    "Comparison",
    "Difference",
    "ExpectedError",
    "Golden",
    "GoldenCase",
    "GoldenError",
    "HeldAgainst",
    "Made",
    "Report",
    "Request",
    "Tolerance",
    "Tolerances",
    "compare",
    "compare_rows",
    "load_golden",
    "verify_model",
]
