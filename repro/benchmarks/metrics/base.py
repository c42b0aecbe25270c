"""What a metric is. Metrics of other packages are classes like those here, found through an entry point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from repro.errors import SettingsError

if TYPE_CHECKING:
    from repro.benchmarks.metrics.resample import Resample
    from repro.benchmarks.metrics.rows import Rows

_INSTALL = 'pip install "repro-models[benchmark]"'


class Takes(Enum):
    """What a metric needs of each row."""

    SCORES = "a measured and a predicted number"
    CLASSES = "a predicted number, and the class (0 or 1) of the measured one"
    SEQUENCES = "a native and a designed sequence"


class UndefinedMetric(Exception):  # noqa: N818 (no error of the user: these rows have no such value)
    """The metric has no value for these rows; the message says why."""


class Metric(ABC):
    """One number for how well predictions fit.

    Attributes:
        name: what it is asked for by: lower case, words joined by `-`.
        title: as a table's header has it.
        takes: what it needs of each row.
        higher_is_better: whether a larger value is a better model.
        scales: whether its standard error falls with the root of the number of rows, as that of an average does. Then
            that of very many rows is found from parts of them.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    takes: ClassVar[Takes] = Takes.SCORES
    higher_is_better: ClassVar[bool] = True
    scales: ClassVar[bool] = False

    @abstractmethod
    def value(self, rows: Rows) -> float:
        """The metric of these rows.

        Raises:
            UndefinedMetric: it has no value for them, as a correlation with a constant.
        """

    def of_resample(self, resample: Resample) -> float:
        """The metric of a bootstrap resample. Metrics that can do it from counts, without the rows, override this.

        Raises:
            UndefinedMetric: as `value`.
        """
        return self.value(resample.repeated_rows())


def library(name: str) -> Any:
    """A module of scipy or scikit-learn.

    Raises:
        SettingsError: it is not installed.
    """
    package = name.partition(".")[0]
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # it is installed and broken, which another message must say
        raise SettingsError(f"metrics need {package}, which is not installed", fix=_INSTALL) from None


def check_varied(rows: Rows) -> None:
    """See that neither the measured nor the predicted values are all the same.

    Raises:
        UndefinedMetric: they are.
    """
    for values, what in ((rows.truth, "measured values"), (rows.pred, "predictions")):
        if values.min() == values.max():
            raise UndefinedMetric(all_the_same(what, values[0]))


def all_the_same(what: str, value: float) -> str:
    """Why nothing can be said of constant values.

    >>> all_the_same("predictions", 0.5)
    'all predictions are the same (0.5)'
    """
    return f"all {what} are the same ({value:g})"
