#!/bin/sh
# Installs what the container tests start for themselves: a Docker engine, Compose and debootstrap.
# For machines that are ours to change: root on Debian or Ubuntu. Elsewhere it says why not and succeeds; the tests are then
# skipped, with the reason.
set -eu

missing=""
command -v dockerd >/dev/null || missing="$missing docker.io containerd"
command -v docker >/dev/null || missing="$missing docker.io"
command -v docker-compose >/dev/null || missing="$missing docker-compose"
command -v debootstrap >/dev/null || missing="$missing debootstrap"

if [ -z "$missing" ]; then
    echo "container tests: the engine is installed"
elif [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "container tests: not root on Debian or Ubuntu, nothing is installed" >&2
else
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of words
    { apt-get -qq update && apt-get -qq install --no-install-recommends $missing >/dev/null; } ||
        echo "container tests: apt could not install$missing" >&2
fi
