"""Partial least squares regression from Python: see models/pls/README.md for what the model is."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from repro.models import Model
from repro.models.one_hot import OneHotHyperparameters, OneHotModel
from repro.models.pls import DEFAULT_IMAGE, MODEL_NAME


class Hyperparameters(OneHotHyperparameters):
    n_components: int | None = Field(None, ge=1, description="how many components; chosen where it is not said")
    max_components: int = Field(20, ge=1, description="the most that are chosen from")
    scale: bool = Field(True, description="divide columns by their standard deviations")


@Model.register(f"{MODEL_NAME}-model")
class PLS(OneHotModel):
    """Partial least squares regression on one-hot encodings of protein variants.

    It is trained on measured variants of one protein: `train`, which predicts the held-out ones. A trained model, the
    folder that `train` has written (of a split into folds, one of `fold_0`, `fold_1`, ... in it), then predicts others:
    a record is `{"sequence": ...}`, a result `{"prediction": ...}`, a float in the units of what was measured. A
    sequence of another length is that record's error. Without `weights` an example predicts: variants of amyloid beta.

    Args:
        image: the Docker image.
        device: -1; it computes on the CPU alone.
        **session: what `Model` takes, such as `weights`.

    >>> with PLS(runtime="local") as model:  # doctest: +SKIP
    ...     model.predict("DAEFRHDSGYEVHHQKLVFFAEDVGSNKGAIIGLMVGGVVIA")
    {'prediction': -1.1761824902644344}
    """

    default_image = DEFAULT_IMAGE
    Hyperparameters = Hyperparameters

    def __init__(self, image: str = DEFAULT_IMAGE, device: int = -1, **session: Any) -> None:
        super().__init__(image, device, **session)
