#!/usr/bin/env bash
# Makes .venv from uv.lock, on a machine that has python3 (3.10 or later) with pip and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

fits='import sys; sys.exit(sys.version_info < (3, 10))'
find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11 python3.10; do
        if command -v "$name" >/dev/null && "$name" -c "$fits" 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "make setup: no Python 3.10 or later on PATH: install one (Debian: apt-get install python3 python3-pip)" >&2
    return 1
}

# What pip is told about packages holds for uv too: variable first, then pip's configuration files.
pip_setting() {
    local variable="PIP_$(tr 'a-z-' 'A-Z_' <<<"$1")"
    if [ -n "${!variable:-}" ]; then
        echo "${!variable}"
    else
        "$python" -m pip config list | sed -n "s/^[a-z]*\.$1='\(.*\)'\$/\1/p" | tail -n 1
    fi
}

python=$(find_python)
if ! "$python" -m pip --version >/dev/null 2>&1; then
    echo "make setup: $python has no pip: install it (Debian: apt-get install python3-pip)" >&2
    exit 1
fi

# Without pip inside: Debian's python3 lacks ensurepip, and uv needs no pip.
.venv/bin/python -c "$fits" 2>/dev/null || "$python" -m venv --clear --without-pip .venv

# uv of the locked version, so that every machine resolves alike.
uv=.venv/bin/uv
uv_version=$(awk '/^name = "uv"$/ { getline; gsub(/"/, "", $3); print $3 }' uv.lock)
if [ "$("$uv" --version 2>/dev/null | cut -d ' ' -f 2)" != "$uv_version" ]; then
    bootstrap=$(mktemp -d)
    trap 'rm -rf "$bootstrap"' EXIT
    PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$python" -m pip install -qq --target "$bootstrap" "uv==$uv_version"
    uv=$bootstrap/bin/uv
fi

certificate=$(pip_setting cert)
if [ -z "${SSL_CERT_FILE:-}" ] && [ -n "$certificate" ]; then
    export SSL_CERT_FILE=$certificate
fi
export UV_PYTHON_DOWNLOADS=never UV_PYTHON=$PWD/.venv/bin/python VIRTUAL_ENV=$PWD/.venv
# Places of one user or machine would make the lock look out of date.
unset UV_FIND_LINKS UV_INDEX UV_EXTRA_INDEX_URL UV_DEFAULT_INDEX UV_INDEX_URL UV_PROJECT_ENVIRONMENT

index=$(pip_setting index-url)
if [ -z "$index" ]; then
    "$uv" sync --locked --all-extras --quiet
else
    # A mirror: the lock's addresses cannot be used, its versions and hashes can.
    requirements=$(mktemp)
    trap 'rm -rf "${bootstrap:-}" "$requirements"' EXIT
    "$uv" export --frozen --all-extras --no-emit-project --quiet --output-file "$requirements"
    "$uv" pip sync --quiet --require-hashes --default-index "$index" "$requirements"
    "$uv" pip install --quiet --no-deps --no-build-isolation --editable .
fi
echo "make setup: .venv is ready ($(.venv/bin/python --version))"
