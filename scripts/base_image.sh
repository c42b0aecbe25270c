#!/usr/bin/env bash
# Makes the base image of the models available under its usual name: pulled where a registry answers, else built from Debian's
# packages and made to look like the real one (python and pip in /usr/local/bin, pip free to install).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/docker_client.sh

image=python:3.11-slim-bookworm
suite=bookworm
pull_limit_s=${REPRO_PULL_LIMIT:-120}
docker=$(docker_client)

if "$docker" image inspect "$image" >/dev/null 2>&1; then
    echo "base image: $image is there"
    exit 0
fi

registry_answers() {
    # Asked first: on a network without a way out `docker pull` alone waits for a minute and more.
    timeout 5 bash -c '</dev/tcp/registry-1.docker.io/443' 2>/dev/null
}

debian_mirror() {
    # The one that this machine's apt is set up with.
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null \
        | awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }'
}

can_build() {
    [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null || return
    [ -n "$(debian_mirror)" ] || { apt-get update -qq && [ -n "$(debian_mirror)" ]; }
}

if registry_answers && timeout "$pull_limit_s" "$docker" pull --quiet "$image"; then
    exit 0
fi
if ! can_build; then
    echo "base image: no registry answers, and building $image needs Debian $suite, root and debootstrap" >&2
    echo "(apt-get install debootstrap); where a registry can be reached: docker pull $image" >&2
    exit 1
fi

echo "base image: no registry answers, building $image from Debian's packages (about a minute)"
mirror=$(debian_mirror)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
if ! debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates "$suite" "$root" "$mirror" \
    >"$work/log" 2>&1; then
    echo "base image: debootstrap failed; the last lines of its log:" >&2
    tail -n 20 "$work/log" >&2
    exit 1
fi

for name in python python3 python3.11; do
    ln -s /usr/bin/python3 "$root/usr/local/bin/$name"
done
for name in pip pip3; do
    ln -s /usr/bin/pip3 "$root/usr/local/bin/$name"
done
rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
# A certificate authority that this machine trusts besides the usual ones (a proxy's) is trusted inside as well.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

tar -C "$root" --numeric-owner -cf - . | "$docker" import \
    --change 'CMD ["python3"]' \
    --change 'ENV LANG=C.UTF-8 PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
    --change 'LABEL repro.base=1' \
    - "$image" >/dev/null
echo "base image: built $image"
