"""The metrics there are: those of repro, those of other packages (entry points), those that a program registers."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from importlib import metadata

from repro.benchmarks.metrics.base import Metric
from repro.benchmarks.metrics.classification import AUC, MCC
from repro.benchmarks.metrics.correlation import Spearman
from repro.benchmarks.metrics.deviation import MSE, Recovery
from repro.benchmarks.metrics.ranking import NDCG, TopRecall
from repro.errors import SettingsError

ENTRY_POINTS = "repro.metrics"
"""The group of entry points that other packages name their metrics in."""

_OWN: tuple[Metric, ...] = (Spearman(), AUC(), MCC(), NDCG(), TopRecall(), MSE(), Recovery())


class Registry(Mapping[str, Metric]):
    """Metrics by name. Entry points are looked up once, when the first metric is asked for."""

    def __init__(self, own: tuple[Metric, ...]) -> None:
        self._known = {metric.name: metric for metric in own}
        self._looked_up = False

    def __getitem__(self, name: str) -> Metric:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def add(self, metric: Metric) -> None:
        """Make a metric known.

        Raises:
            SettingsError: it lacks a name, or another one has it.
        """
        if not getattr(metric, "name", ""):
            raise SettingsError(f"the metric {metric!r} has no name", fix='give its class one: name = "..."')
        if metric.name in self._known:
            raise SettingsError(f"there are two metrics called {metric.name!r}", fix="rename yours")
        self._known[metric.name] = metric

    def _all(self) -> dict[str, Metric]:
        if not self._looked_up:
            for entry_point in metadata.entry_points(group=ENTRY_POINTS):
                self.add(_loaded(entry_point))
            self._looked_up = True
        return self._known


def _loaded(entry_point: metadata.EntryPoint) -> Metric:
    package = entry_point.dist.name if entry_point.dist else "a package"
    where = f"the metric {entry_point.name!r} of {package} ({entry_point.value})"
    try:
        found = entry_point.load()
        metric = found() if isinstance(found, type) else found
    except Exception as error:
        raise SettingsError(
            f"{where} cannot be loaded: {type(error).__name__}: {error}", fix=f"pip uninstall {package}, or repair it"
        ) from error
    if not isinstance(metric, Metric) or metric.name != entry_point.name:
        raise SettingsError(f"{where} is not a Metric of that name", fix=f"tell the authors of {package}")
    return metric


METRICS = Registry(_OWN)
"""Every metric by its name."""


def register(metric: type[Metric]) -> type[Metric]:
    """Make a metric known by its name for as long as the program runs; stands above a class.

    Raises:
        SettingsError: another metric has the name.
    """
    METRICS.add(metric())
    return metric


def by_name(name: str) -> Metric:
    """The metric of that name; case, `_` and `-` make no difference.

    >>> by_name("Top_recall").title
    'Top recall'

    Raises:
        SettingsError: there is none; names those there are.
    """
    wanted = name.strip().lower().replace("_", "-")
    if wanted in METRICS:
        return METRICS[wanted]
    near = difflib.get_close_matches(wanted, METRICS, n=1)
    fix = f"did you mean {near[0]}?" if near else f"there are: {', '.join(METRICS)}"
    raise SettingsError(f"no metric is called {name!r}", fix=fix)
