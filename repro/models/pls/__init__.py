"""Partial least squares on one-hot encodings of protein variants."""

import os

VERSION = "1.0"
MODEL_NAME = os.path.basename(os.path.dirname(__file__))
DOCKERHUB_REPRO = f"repro-models/{MODEL_NAME}"
DEFAULT_IMAGE = f"{DOCKERHUB_REPRO}:{VERSION}"
AUTOMATICALLY_PUBLISH = False

from repro.models.pls.model import PLS
from repro.models.pls.setup import PLSSetupSubcommand

__all__ = ["PLS", "PLSSetupSubcommand"]
