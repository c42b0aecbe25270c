"""Which weights golden answers were computed with: what they show depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from repro.verification.golden import GoldenCase
from repro.verification.trial import is_classic

if TYPE_CHECKING:
    from repro.model import Model

Kind = Literal["none", "test checkpoint", "published", "given"]

_SHOWN_DIGITS = 12


@dataclass(frozen=True)
class WeightsUsed:
    """The weights that a case was run with."""

    kind: Kind
    """`none`: the model fetches none for it. `test checkpoint`: the case's own. `given`: the user's (`--weights`)."""
    name: str = ""
    """Of the folder or file, where they are not the published ones."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """By file."""

    def __str__(self) -> str:
        """On one line.

        >>> str(WeightsUsed("test checkpoint", "fixtures", {"small.pt": "7f" * 32}))
        'test checkpoint (fixtures)'
        >>> str(WeightsUsed("published", "", {"large.pt": "7f" * 32, "contacts.pt": "01" * 32}))
        'published (large.pt 7f7f7f7f7f7f, contacts.pt 010101010101)'
        """
        hashes = ", ".join(f"{file} {sha256[:_SHOWN_DIGITS]}" for file, sha256 in self.sha256.items())
        told = self.name if self.kind == "test checkpoint" else hashes or self.name
        return f"{self.kind} ({told})" if told else "-" if self.kind == "none" else self.kind


def weights_used(model: Model, case: GoldenCase, *, given: bool) -> WeightsUsed:
    """Those of a model that was started for a case.

    Args:
        model: as it was started.
        case: one that was run with it.
        given: whether the user named weights.

    Raises:
        NotSetUpError, WeightsError: they are not there, or damaged.
    """
    from repro.weights.store import weights_hashes

    if is_classic(model) or model.variant is None or not model.variant.files:
        return WeightsUsed("none")
    folder = model.weights_dir()
    if folder is None:
        return WeightsUsed("published", "in the image", _baked_hashes(model))
    names = [file.name for file in model.variant.files]
    # The order of config.yaml: the checkpoint is the first, what stands beside it comes after.
    hashes = weights_hashes(folder, names)
    ordered = {name: hashes[name] for name in [*(name for name in names if name in hashes), *hashes]}
    if case.weights is not None:
        return WeightsUsed("test checkpoint", case.weights.name, ordered)
    return WeightsUsed("given", folder.name, ordered) if given else WeightsUsed("published", "", ordered)


def _baked_hashes(model: Model) -> Mapping[str, str]:
    from repro.images.facts import read_image
    from repro.runtimes.engine import connect

    image = read_image(connect(), model.image)
    if image is None or model.variant is None:
        return {}
    return dict(image.weights.get(model.variant.name, {}))


def fetched_variants(model: type[Model]) -> tuple[str, ...]:
    """The variants of a model whose published weights are here. Raises WeightsError."""
    from repro.settings import load_settings
    from repro.weights.inventory import read_inventory

    folder = model.folder_name()
    here = read_inventory(load_settings().weights_dir)
    return tuple(one.variant for one in here if one.model == folder and one.files)
