"""Checkpoints that judge mutants together: a score is the mean of theirs."""

import checkpoint
import torch
from scoring import Scorer

ESM1V = "esm1v_t33_650M_UR90S"
MEMBERS = {ESM1V: tuple("%s_%d" % (ESM1V, number) for number in range(1, 6))}
"""By the name of the ensemble. Those of ESM-1v differ in the seed of their training alone (Meier et al. 2021)."""


def paths(weights_dir, variant):
    """The checkpoint of a variant, or those of an ensemble's members, in order. Raises checkpoint.CheckpointError."""
    return [checkpoint.find(weights_dir, name) for name in MEMBERS.get(variant, (variant,))]


class EnsembleScorer:
    """Scores and log-odds of several models. With one it is that model's `Scorer`.

    Args:
        engines: one a member.
    """

    def __init__(self, engines):
        self.engines = engines

    def score(self, records, strategy, offset=1, wild_type=None, members=False):
        """Yield a result a record, in order, or an exception in its place: as `Scorer.score`, the means over members.

        With `members` there is also what each says: `score_1` and so on beside `score`, and with the members as first
        axis `member_scores` beside `scores` and `member_log_odds` beside `log_odds`.
        """
        each = [Scorer(engine).score(records, strategy, offset, wild_type) for engine in self.engines]
        if len(each) == 1:
            yield from each[0]
            return
        for results in zip(*each):
            failed = next((one for one in results if isinstance(one, Exception)), None)
            yield failed if failed is not None else _joined(results, members)


def _joined(results, members):
    joined = {}
    for name, value in results[0].items():
        values = [one[name] for one in results]
        if isinstance(value, torch.Tensor):
            stacked = torch.stack(values)
            joined[name] = stacked.mean(0)
            joined.update({"member_" + name: stacked} if members else {})
        elif isinstance(value, float):
            joined[name] = sum(values) / len(values)
            joined.update({"%s_%d" % (name, number): one for number, one in enumerate(values, 1)} if members else {})
        else:
            joined[name] = value
    return joined
