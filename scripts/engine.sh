#!/usr/bin/env bash
# Makes a Docker engine answer: does nothing where one does, installs and starts one on Debian as root.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/docker_client.sh

log=${REPRO_ENGINE_LOG:-/var/log/dockerd.log}
start_limit_s=60

answers() {
    local client
    client=$(docker_client) && timeout 10 "$client" version --format '{{.Server.Version}}' 2>/dev/null
}

explain_and_stop() {
    cat >&2 <<'TEXT'
make engine: no Docker engine answers, and this script installs one only on Debian or Ubuntu as root.
  Debian, Ubuntu   sudo make engine, or: sudo apt-get install docker.io && sudo usermod -aG docker "$USER"
  other Linux      https://docs.docker.com/engine/install/
  macOS, Windows   start Docker Desktop
  Podman           systemctl --user start podman.socket && export DOCKER_HOST=unix://$XDG_RUNTIME_DIR/podman/podman.sock
`repro doctor` says whether the engine answers.
TEXT
    exit 1
}

install_missing() {
    local missing=()
    command -v dockerd >/dev/null || missing+=(docker.io)
    command -v iptables >/dev/null || missing+=(iptables)
    command -v debootstrap >/dev/null || missing+=(debootstrap) # the base image is made with it
    [ -e /usr/bin/docker-init ] || [ -e /usr/bin/tini-static ] || missing+=(tini) # the init process of containers
    [ ${#missing[@]} -eq 0 ] && return
    echo "make engine: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local apt_log
    apt_log=$(mktemp)
    if ! { apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$apt_log" 2>&1 </dev/null; then
        echo "make engine: apt-get could not install ${missing[*]}; its last lines ($apt_log has all):" >&2
        tail -n 20 "$apt_log" >&2
        exit 1
    fi
    rm -f "$apt_log"
}

start() {
    # A machine that was switched off leaves it behind; dockerd then refuses to start.
    local pid_file=/var/run/docker.pid
    if [ -f "$pid_file" ] && ! kill -0 "$(cat "$pid_file")" 2>/dev/null; then
        rm -f "$pid_file"
    fi
    echo "make engine: starting dockerd, its log is $log"
    setsid dockerd >>"$log" 2>&1 </dev/null &
    dockerd_pid=$!
}

wait_until_it_answers() {
    local waited
    for ((waited = 0; waited < start_limit_s * 2; waited++)); do
        answers >/dev/null && return
        kill -0 "$dockerd_pid" 2>/dev/null || break
        sleep 0.5
    done
    {
        echo "make engine: dockerd did not answer; the last lines of $log:"
        tail -n 20 "$log"
        echo "It needs to be root with the right to mount and to change iptables; inside a container: docker run --privileged."
    } >&2
    exit 1
}

if version=$(answers); then
    echo "make engine: Docker $version answers"
    exit 0
fi
[ -z "${DOCKER_HOST:-}" ] || echo "make engine: nothing answers at DOCKER_HOST=$DOCKER_HOST" >&2
if [ -n "${DOCKER_HOST:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    explain_and_stop
fi
install_missing
start
wait_until_it_answers
echo "make engine: Docker $(answers) answers"
