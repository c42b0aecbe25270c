"""Ridge regression from Python: see models/ridge/README.md for what the model is."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from repro.models import Model
from repro.models.hyperparameters import ListOrText
from repro.models.one_hot import OneHotHyperparameters, OneHotModel
from repro.models.ridge import DEFAULT_IMAGE, MODEL_NAME


def _checked(alphas: list[float] | None) -> list[float] | None:
    for alpha in alphas or ():
        if not 0 < alpha < float("inf"):
            raise ValueError(f"{alpha:g} is no finite number above 0")
    return alphas


class Hyperparameters(OneHotHyperparameters):
    alpha: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="penalty of squared weights; chosen where it is not said"
    )
    alphas: Annotated[list[float] | None, ListOrText, AfterValidator(_checked)] = Field(
        None, min_length=1, description="what is chosen from; 0.01 to 10,000 by default"
    )


@Model.register(f"{MODEL_NAME}-model")
class Ridge(OneHotModel):
    """Ridge regression on one-hot encodings of protein variants.

    It is trained on measured variants of one protein: `train`, which predicts the held-out ones. A trained model, the
    folder that `train` has written (of a split into folds, one of `fold_0`, `fold_1`, ... in it), then predicts others:
    a record is `{"sequence": ...}`, a result `{"prediction": ...}`, a float in the units of what was measured. A
    sequence of another length is that record's error. Without `weights` an example predicts: variants of amyloid beta.

    Args:
        image: the Docker image.
        device: -1; it computes on the CPU alone.
        **session: what `Model` takes, such as `weights`.

    >>> with Ridge(runtime="local") as model:  # doctest: +SKIP
    ...     model.predict("DAEFRHDSGYEVHHQKLVFFAEDVGSNKGAIIGLMVGGVVIA")
    {'prediction': -1.176809518991647}
    """

    default_image = DEFAULT_IMAGE
    Hyperparameters = Hyperparameters

    def __init__(self, image: str = DEFAULT_IMAGE, device: int = -1, **session: Any) -> None:
        super().__init__(image, device, **session)
