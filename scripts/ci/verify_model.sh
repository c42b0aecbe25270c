#!/usr/bin/env bash
# Builds the image of the model MODEL and holds it against its golden answers: what every model has to pass before it is published.
set -euo pipefail
cd "$(dirname "$0")/../.."

model=$(.venv/bin/python scripts/ci/model_name.py "${MODEL:?which model}")
.venv/bin/repro setup "$model" --runtime docker
.venv/bin/repro verify "$model" --runtime docker
