"""ESM-1b, ESM-1v and ESM-2: protein language models."""

import os

VERSION = "1.0"
MODEL_NAME = os.path.basename(os.path.dirname(__file__))
DOCKERHUB_REPRO = f"repro-models/{MODEL_NAME}"
DEFAULT_IMAGE = f"{DOCKERHUB_REPRO}:{VERSION}"
AUTOMATICALLY_PUBLISH = False

from repro.models.esm.ensemble import ESM1V, ESMEnsemble
from repro.models.esm.log_odds import LogOdds
from repro.models.esm.model import ESM
from repro.models.esm.setup import ESMSetupSubcommand

__all__ = ["ESM", "ESM1V", "ESMEnsemble", "ESMSetupSubcommand", "LogOdds"]
