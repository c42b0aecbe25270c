"""Keeping the machine tidy: what workers run (`repro ps`), and what killed processes have left (`repro clean`)."""

from repro.housekeeping.leftovers import Leftover, environments, exchange_root, leftovers, partial_downloads
from repro.housekeeping.workers import RunningWorker, containers, engine_client, local_workers, orphans, running_workers

__all__ = [
    "Leftover",
    "RunningWorker",
    "containers",
    "engine_client",
    "environments",
    "exchange_root",
    "leftovers",
    "local_workers",
    "orphans",
    "partial_downloads",
    "running_workers",
]
