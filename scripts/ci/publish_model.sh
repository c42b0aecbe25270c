#!/usr/bin/env bash
# Publishes the image of the model MODEL, which verify_model.sh has made, to REGISTRY (HOST/NAMESPACE). More options are
# handed on: --dry-run.
set -euo pipefail
cd "$(dirname "$0")/../.."

model=$(.venv/bin/python scripts/ci/model_name.py "${MODEL:?which model}")
registry=${REGISTRY:?where to: HOST/NAMESPACE}
.venv/bin/repro publish "$model" --registry "${registry,,}" "$@" # a namespace has no capitals, an account may
