#!/usr/bin/env bash
# Gets the registry that the tests of publishing push to: Debian's docker-registry, one program that needs nothing but libc.
# It is unpacked, not installed: the package would also start a service that listens on every network of the machine.
#   scripts/registry.sh              get it, where neither PATH nor build/tools has it; prints where it is
#   scripts/registry.sh run [PORT]   and run one by hand on loopback (127.0.0.1:5000), without a login, its storage in build/registry
set -euo pipefail
cd "$(dirname "$0")/.."

unpacked=build/tools/docker-registry

where() {
    command -v docker-registry || { [ -x "$unpacked" ] && echo "$PWD/$unpacked"; }
}

download() {
    # As another user apt can read its lists too, but not renew them.
    apt-get download docker-registry && return
    if [ "$(id -u)" = 0 ]; then
        apt-get update && apt-get download docker-registry
    else
        sudo -n apt-get update && apt-get download docker-registry
    fi
}

unpack() {
    local work
    work=$(mktemp -d)
    trap "rm -rf '$work'" EXIT
    if ! (cd "$work" && download) >"$work/log" 2>&1 </dev/null; then
        echo "registry: apt-get could not download docker-registry; its last lines:" >&2
        tail -n 10 "$work/log" >&2
        give_up
    fi
    dpkg-deb --extract "$work"/docker-registry_*.deb "$work/root"
    mkdir -p "$(dirname "$unpacked")"
    install -m 755 "$work/root/usr/bin/docker-registry" "$unpacked.part"
    mv "$unpacked.part" "$unpacked" # under its name only when it is whole
}

give_up() {
    # Not a failure of `make engine`: without it the tests of publishing are skipped, and fail with REPRO_REQUIRE_ENGINE=1.
    echo "registry: docker-registry is not there (Debian: apt-get install docker-registry): publishing is not tested" >&2
    exit 0
}

run() {
    REGISTRY_STORAGE=filesystem REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=$PWD/build/registry \
        REGISTRY_HTTP_ADDR=127.0.0.1:${1:-5000} exec "$(where)" serve /dev/stdin <<<'version: 0.1'
}

if ! where >/dev/null; then
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up
    unpack
fi
if [ "${1:-}" = run ]; then
    run "${2:-}"
fi
echo "registry: $(where)"
