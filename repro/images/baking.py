"""Weights inside an image, so that it runs with no network and no mount."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from repro.runtimes.docker import BAKED

BAKED_VARIABLE = "REPRO_BAKED"
"""Names that folder to the guest."""
_STAGED = ".repro-baked"
_READABLE = 0o444


def baked_hashes(baked: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    """variant -> file -> SHA-256. Raises WeightsError."""
    if not baked:
        return {}
    from repro.weights import weights_hashes

    return {variant: weights_hashes(folder) for variant, folder in baked.items()}


def stage_baked(baked: Mapping[str, Path], hashes: Mapping[str, Mapping[str, str]], context: Path) -> str:
    """Put weights into a build context; returns the instructions that take them from there, in one layer."""
    if not baked:
        return ""
    for variant, folder in baked.items():
        for name in hashes[variant]:
            target = context / _STAGED / variant / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(folder / name, target)
    return f"COPY {_STAGED} {BAKED}\nENV {BAKED_VARIABLE}={BAKED}\n"


def _link_or_copy(source: Path, target: Path) -> None:
    real = source.resolve()
    # Whoever the container runs as must be able to read it; the store's own file is not to be changed for that.
    if real.stat().st_mode & _READABLE == _READABLE:
        try:
            os.link(real, target)
        except OSError:  # another file system, or one without links
            pass
        else:
            return
    shutil.copyfile(real, target)
    target.chmod(0o644)
