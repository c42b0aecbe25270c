#!/bin/sh
# Fetches ESM checkpoints while the image is built: download-models.sh ADDRESS FOLDER [VARIANT ...]
# Each variant gets a folder of its own, as the guest looks for it; the weights for contacts where they were published.
set -eu
address=$1
folder=$2
shift 2

mkdir -p "$folder"
for variant in "$@"; do
    mkdir -p "$folder/$variant"
    python - "$address" "$folder/$variant" "$variant" <<'PYTHON'
import os
import shutil
import ssl
import sys
import urllib.error
import urllib.request

address, folder, variant = sys.argv[1:]
authority = "/run/secrets/ca.crt"
context = ssl.create_default_context(cafile=authority if os.path.exists(authority) else None)


def fetch(name):
    with urllib.request.urlopen(address + "/" + name, context=context) as answer:
        path = os.path.join(folder, os.path.basename(name))
        with open(path, "wb") as file:
            shutil.copyfileobj(answer, file)
    wanted = answer.headers.get("Content-Length")
    if wanted is not None and os.path.getsize(path) != int(wanted):
        sys.exit("%s came incomplete" % name)
    print("fetched", name, os.path.getsize(path), "bytes")


if variant == "esm1v_t33_650M_UR90S":  # the ensemble of five
    for member in range(1, 6):
        fetch("models/%s_%d.pt" % (variant, member))
    sys.exit()
fetch("models/%s.pt" % variant)
try:
    fetch("regression/%s-contact-regression.pt" % variant)
except urllib.error.HTTPError as error:
    if error.code not in (403, 404):  # ESM-1v was published without them
        raise
PYTHON
done
