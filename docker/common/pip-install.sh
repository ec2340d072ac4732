#!/bin/sh
# Installs hash-pinned locks in a build step: sh pip-install.sh "PIP COMMAND" LOCK ...
# Secret pip: the caller's index, proxy and certificates as a pip.conf; secret ca: the certificates themselves. Neither comes into a layer.
set -eu
pip=$1
shift
[ -r /run/secrets/pip ] && export PIP_CONFIG_FILE=/run/secrets/pip
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
for lock in "$@"; do
    set -- "$@" -r "$lock"
    shift
done
# shellcheck disable=SC2086  # a command of several words
exec $pip install --quiet --require-hashes --no-deps --only-binary :all: "$@"
