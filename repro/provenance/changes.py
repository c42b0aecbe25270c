"""What is different now from when an output was made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from repro.provenance.manifest import HostFacts, MadeBy, Manifest, WorkerFacts
from repro.provenance.privacy import to_be_shown

_SAME_BY_DIGEST = ("environment.image", "environment.registry_digests")


@dataclass(frozen=True)
class Change:
    """One fact, named as in the manifest, as it was and as it is; None where it was not, or is not, there."""

    fact: str
    then: Any
    now: Any


def find_changes(manifest: Manifest, made_by: MadeBy, worker: WorkerFacts | None, host: HostFacts) -> list[Change]:
    """All facts that are different now; an empty list where the same output is to be expected."""
    then = _flat(_facts(manifest.made_by, manifest.worker, manifest.host))
    now = _flat(_facts(made_by, worker, host))
    if then["environment.identity"] == now["environment.identity"]:
        for fact in _SAME_BY_DIGEST:  # what an image is called says nothing of what it is
            then.pop(fact, None)
            now.pop(fact, None)
    facts = sorted(then.keys() | now.keys(), key=lambda fact: (list(now) + list(then)).index(fact))
    changes = [Change(fact, then.get(fact), now.get(fact)) for fact in facts if then.get(fact) != now.get(fact)]
    return [to_be_shown(change) for change in changes]


def _facts(made_by: MadeBy, worker: WorkerFacts | None, host: HostFacts) -> dict[str, Any]:
    # By way of JSON, as one of the two comes from there.
    facts = {**asdict(made_by), "worker": asdict(worker) if worker is not None else {}, "host": asdict(host)}
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_leaves(facts, ""))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, one in value.items():
        yield from _leaves(one, f"{name}.{key}" if name else key)
