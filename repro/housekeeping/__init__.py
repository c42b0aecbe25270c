"""Keeping the machine tidy: what workers run (`repro ps`), and what can be removed (`repro clean`)."""

from repro.housekeeping.leftover import Finding, Kept, Leftover
from repro.housekeeping.leftovers import exchange_root, leftovers
from repro.housekeeping.plan import Wanted, plan_cleaning
from repro.housekeeping.workers import RunningWorker, containers, engine_client, local_workers, orphans, running_workers

__all__ = [
    "Finding",
    "Kept",
    "Leftover",
    "RunningWorker",
    "Wanted",
    "containers",
    "engine_client",
    "exchange_root",
    "leftovers",
    "local_workers",
    "orphans",
    "plan_cleaning",
    "running_workers",
]
