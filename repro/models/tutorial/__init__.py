"""The tutorial's model: it reverses text."""

import os

VERSION = "1.0"
MODEL_NAME = os.path.basename(os.path.dirname(__file__))
DOCKERHUB_REPRO = f"danieldeutsch/{MODEL_NAME}"
DEFAULT_IMAGE = f"{DOCKERHUB_REPRO}:{VERSION}"
AUTOMATICALLY_PUBLISH = False

from repro.models.tutorial.model import TutorialModel
from repro.models.tutorial.setup import TutorialSetupSubcommand

__all__ = ["TutorialModel", "TutorialSetupSubcommand"]
