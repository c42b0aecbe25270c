#!/bin/sh
# Embeds and scores one antibody while the image is built: what the packages would fetch or compile at their first use
# is then in place, and an image whose model cannot run is never made.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PYTHONDONTWRITEBYTECODE=1

echo '{"sequence": "EVQLVESGGGLVQPGGSLRLSCAAS"}' > "$folder/in.jsonl"
python run.py --input-file "$folder/in.jsonl" --output-file "$folder/out.jsonl" --score
grep -q '"pseudo_log_likelihood"' "$folder/out.jsonl"
