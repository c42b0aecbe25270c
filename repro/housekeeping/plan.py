"""What a cleaning would remove, in the order in which it can be removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from repro.housekeeping.environments import environments
from repro.housekeeping.images import own_images
from repro.housekeeping.leftover import Finding
from repro.housekeeping.leftovers import leftovers
from repro.housekeeping.weights import weights
from repro.images.made import made_images

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.settings import Settings


@dataclass(frozen=True)
class Wanted:
    """What to look for besides what killed processes have left."""

    images: bool = False
    environments: bool = False
    weights: bool = False
    models: frozenset[str] = frozenset()
    """Only what is theirs; everything where it is empty."""


def plan_cleaning(settings: Settings, client: DockerClient | None, wanted: Wanted) -> Finding:
    """All that can go, and what of it stays. Nothing is changed."""
    plain = [one for one in leftovers(settings, client) if not wanted.models or one.model in wanted.models]
    going = {one.identity for one in plain if one.kind == "container"}
    findings = [Finding(tuple(plain))]
    if wanted.images and client is not None:
        findings.append(own_images(client, made_images(settings.cache_dir), wanted.models, going))
    if wanted.environments:
        findings.append(environments(settings, wanted.models))
    if wanted.weights:
        findings.append(weights(settings, client, wanted.models))
    return Finding(
        tuple(one for finding in findings for one in finding.leftovers),
        tuple(one for finding in findings for one in finding.kept),
    )
