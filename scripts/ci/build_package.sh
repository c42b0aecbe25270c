#!/usr/bin/env bash
# Builds the package into a folder (dist), once: what is tested is what is published. A release's TAG has to be its version.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=${1:-dist}
version=$(.venv/bin/python -c 'import repro; print(repro.__version__)')
if [ -n "${TAG:-}" ] && [ "${TAG#v}" != "$version" ]; then
    echo "build_package: the tag is $TAG, and repro/_version.py says $version" >&2
    exit 1
fi
if [ -e "$out" ] && [ -n "$(ls -A "$out")" ]; then
    echo "build_package: $out is not empty: make clean" >&2
    exit 1
fi
.venv/bin/python -m build --no-isolation --outdir "$out" # with the locked setuptools
ls -l "$out"
