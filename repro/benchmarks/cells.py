"""A cell of a benchmark: one model on one target of one data set with one split, and all that its result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from repro.benchmarks.calls import ModelCall
from repro.benchmarks.inputs import Source
from repro.benchmarks.resources import Needs

FORM = 1
"""Goes up when a cell of an earlier version would get other predictions now, from the same image and the same data."""
_KEY_DIGITS = 20
_LONG = 1000  # characters of a value


@dataclass(frozen=True)
class Cell:
    """One cell. Its names are for people: what it is known by is the hash of its identity."""

    dataset: str
    target: str
    model: str
    """Its label."""
    split: str
    source: Source
    call: ModelCall
    needs: Needs
    identity: Mapping[str, Any]
    """All that the predictions depend on; see `identity`."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a reader may want to know beside."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Memory and CPUs that its worker is held to, where the runtime can do that."""

    @cached_property
    def key(self) -> str:
        """The name of its folder."""
        return key_of(self.identity)

    @property
    def names(self) -> tuple[str, str, str, str]:
        """What it is called in the results."""
        return self.dataset, self.target, self.model, self.split

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return " ".join(self.names)


def identity(
    *, content: str, target: str, model: Mapping[str, Any], device: int, card: str, hyper_params: Mapping[str, Any]
) -> dict[str, Any]:
    """All that the predictions of a cell depend on, told by content: what somebody called it is not among it.

    Args:
        content: SHA-256 of the rows, the constants and the split.
        target: the column that is predicted.
        model: its environment, weights and options; see `calls.identity_of`.
        device: below 0: the CPU. The last digits of a result differ between CPU and GPU, and so do the cells.
        card: digest of the model card.
        hyper_params: those that go before the card's.
    """
    found = {
        "form": FORM,
        "data": content,
        "target": target,
        "model": model,
        "device": "cpu" if device == -1 else "cuda",
        "card": card,
        "hyper_params": shortened(hyper_params),
    }
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str))  # as it is read again from cell.json
    return plain


def shortened(hyper_params: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters with the hash of a long text, such as that of a structure, in its place.

    >>> shortened({"chains": "A", "structure": "ATOM " * 1000})["structure"][:14]
    'sha256:65bf29d'
    """
    return {name: _shortened(value) for name, value in hyper_params.items()}


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONG:
        return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
    return value


def key_of(identity: Mapping[str, Any]) -> str:
    """A short hash of an identity, whatever the order of its keys.

    >>> key_of({"split": "random_5"})
    '8115ec98b69873e9ed78'
    """
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_DIGITS]
