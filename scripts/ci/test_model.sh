#!/usr/bin/env bash
# Runs the tests of the model MODEL, those that are too slow for every change among them, and holds it against its golden answers.
# TEST_DEVICES names the GPUs to test on; without it the CPU is tested.
set -euo pipefail
cd "$(dirname "$0")/../.."

model=$(.venv/bin/python scripts/ci/model_name.py "${MODEL:?which model}")
.venv/bin/repro setup "$model" --runtime docker
.venv/bin/python -m pytest "models/$model/tests"
.venv/bin/repro verify "$model" --runtime docker
