#!/bin/sh
# Embeds one antibody with the published package while the image is built: what it would fetch, or look for, at its first
# use is then in place, and an image in which the model cannot run is never made. It stands before run.py in the
# Dockerfile, so that a change of run.py does not run it again.
set -eu
export PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1

python - <<'PYTHON'
from antiberty import AntiBERTyRunner

(embedding,) = AntiBERTyRunner().embed(["EVQLVESGGGLVQPGGSLRLSCAAS"])
assert embedding.shape == (27, 512), embedding.shape
print("AntiBERTy runs: an embedding of", tuple(embedding.shape))
PYTHON
