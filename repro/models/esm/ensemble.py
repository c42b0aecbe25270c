"""Several checkpoints as one judge of mutants: the mean of what each says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from repro.errors import SettingsError
from repro.models.esm.log_odds import LogOdds
from repro.models.esm.model import ESM
from repro.models.esm.variants import Strategy

if TYPE_CHECKING:
    import numpy as np

ESM1V = tuple(f"esm1v_t33_650M_UR90S_{member}" for member in range(1, 6))
"""The five ESM-1v models, which differ in the seed of their training alone (Meier et al. 2021)."""


class ESMEnsemble:
    """Scores of mutants as the mean over several checkpoints, by default the five of ESM-1v.

    Each takes its turn: its worker is started, asked, and ended, so that no more than one is in memory. With
    `keep_warm` all stay for further calls, until `close()` or the end of the `with` block.

    Args:
        variants: names of checkpoints, at least one.
        keep_warm: whether the workers stay.
        **session: what `ESM` takes, but `variant`; `weights` is a folder that has them all.

    Raises:
        SettingsError: no variants.
        ModelNotFoundError: no such variant.

    >>> with ESMEnsemble(device=0) as ensemble:  # doctest: +SKIP
    ...     ensemble.score_variants("MKTAYIAKQR", ["A4G", "K2R:A4G"])
    array([-2.1, -3.0])
    """

    def __init__(self, variants: Sequence[str] = ESM1V, *, keep_warm: bool = False, **session: Any) -> None:
        if not variants or isinstance(variants, str):
            raise SettingsError(f"variants={variants!r} is no list of checkpoints", fix=f"for example {ESM1V[:2]}")
        self.variants = tuple(variants)
        self._keep_warm = keep_warm
        self._session = session
        self._members = {name: ESM(variant=name, **session) for name in self.variants}

    def score_variants(
        self, wild_type: str, mutants: Iterable[str], strategy: Strategy = "masked-marginals", *, offset: int = 1
    ) -> np.ndarray:
        """The mean of the members' scores, (n,) float64. Takes and raises what `ESM.score_variants` does."""
        import numpy as np

        each = self.score_variants_each(wild_type, mutants, strategy, offset=offset)
        return np.mean(list(each.values()), axis=0)

    def score_variants_each(
        self, wild_type: str, mutants: Iterable[str], strategy: Strategy = "masked-marginals", *, offset: int = 1
    ) -> dict[str, np.ndarray]:
        """Each member's scores, by the name of its variant."""
        listed = list(mutants)
        scores = {}
        for name in self.variants:
            with self._turn(name) as member:
                scores[name] = member.score_variants(wild_type, listed, strategy, offset=offset)
        return scores

    def log_odds(self, wild_type: str, strategy: Strategy = "masked-marginals", *, offset: int = 1) -> LogOdds:
        """The mean of the members' matrices. Takes and raises what `ESM.log_odds` does."""
        import numpy as np

        matrices = []
        for name in self.variants:
            with self._turn(name) as member:
                matrices.append(member.log_odds(wild_type, strategy, offset=offset).values)
        title = f"mean of {', '.join(self.variants)}: {strategy}"
        return LogOdds(wild_type, np.mean(matrices, axis=0), offset, title=title)

    def close(self) -> None:
        """End all workers."""
        for member in self._members.values():
            member.close()

    def __enter__(self) -> ESMEnsemble:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _turn(self, name: str) -> Iterator[ESM]:
        """The member, whose worker ends with its turn unless it is to stay."""
        member = self._members[name]
        try:
            yield member
        finally:
            if not self._keep_warm:
                member.close()
                self._members[name] = ESM(variant=name, **self._session)  # a closed one cannot be asked again
