#!/bin/sh
# Installs what the container tests start for themselves: a Docker engine, Compose and debootstrap.
# For machines that are ours to change: root on Debian or Ubuntu. Elsewhere it says why not and succeeds; the tests are then
# skipped, with the reason.
set -u

have() { command -v "$1" >/dev/null 2>&1; }

if have dockerd && have docker && have docker-compose && have debootstrap; then
    echo "container tests: the engine is installed"
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! have apt-get; then
    echo "container tests: not root on Debian or Ubuntu, nothing is installed" >&2
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
packages="docker-compose debootstrap debian-archive-keyring"
apt-get -qq update
have dockerd || packages="$packages docker.io containerd"
# Newer releases have the client apart.
have docker || ! apt-cache show docker-cli >/dev/null 2>&1 || packages="$packages docker-cli"
# shellcheck disable=SC2086 # a list of words
if apt-get -qq install --no-install-recommends $packages >/dev/null; then
    echo "container tests: installed $packages"
else
    echo "container tests: apt could not install $packages" >&2
fi
