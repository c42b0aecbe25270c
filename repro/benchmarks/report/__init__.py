"""Reports of a benchmark: tables as CSV and Markdown, and one page to look at.

repro benchmark report DIR
"""

from __future__ import annotations

from repro.benchmarks.report.writing import Report, write_report

__all__ = ["Report", "write_report"]
