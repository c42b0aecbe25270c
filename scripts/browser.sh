#!/usr/bin/env bash
# Makes a Chromium be there for the tests that look at pages: does nothing where one is, installs Debian's.
set -euo pipefail

where() {
    local name
    for name in "${REPRO_BROWSER:-}" chromium chromium-browser google-chrome; do
        [ -n "$name" ] && command -v "$name" && return
    done
    return 1
}

explain_and_stop() {
    cat >&2 <<'TEXT'
make browser: no Chromium was found, and this script installs one only on Debian or Ubuntu as root.
  Debian, Ubuntu   sudo make browser, or: sudo apt-get install chromium
  others           install Chromium or Chrome, and name its program: export REPRO_BROWSER=/path/to/chrome
TEXT
    exit 1
}

install() {
    echo "make browser: installing chromium"
    export DEBIAN_FRONTEND=noninteractive
    local apt_log
    apt_log=$(mktemp)
    if ! { apt-get update && apt-get install --yes --no-install-recommends chromium; } >"$apt_log" 2>&1 </dev/null; then
        echo "make browser: apt-get could not install chromium; its last lines ($apt_log has all):" >&2
        tail -n 20 "$apt_log" >&2
        exit 1
    fi
    rm -f "$apt_log"
}

if ! where >/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || explain_and_stop
    install
fi
echo "make browser: $(where)"
