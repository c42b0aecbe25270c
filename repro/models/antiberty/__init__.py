"""AntiBERTy: a language model of antibodies."""

import os

VERSION = "1.0"
MODEL_NAME = os.path.basename(os.path.dirname(__file__))
DOCKERHUB_REPRO = f"repro-models/{MODEL_NAME}"
DEFAULT_IMAGE = f"{DOCKERHUB_REPRO}:{VERSION}"
AUTOMATICALLY_PUBLISH = False

from repro.models.antiberty.model import AntiBERTy
from repro.models.antiberty.setup import AntiBERTySetupSubcommand

__all__ = ["AntiBERTy", "AntiBERTySetupSubcommand"]
