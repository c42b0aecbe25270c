"""ProteinMPNN: likelihood of sequences and effects of mutations given a backbone, and design of sequences for it."""

import os

VERSION = "1.0"
MODEL_NAME = os.path.basename(os.path.dirname(__file__))
DOCKERHUB_REPRO = f"repro-models/{MODEL_NAME}"
DEFAULT_IMAGE = f"{DOCKERHUB_REPRO}:{VERSION}"
AUTOMATICALLY_PUBLISH = False

from repro.models.proteinmpnn.model import ProteinMPNN
from repro.models.proteinmpnn.setup import ProteinMPNNSetupSubcommand

__all__ = ["ProteinMPNN", "ProteinMPNNSetupSubcommand"]
