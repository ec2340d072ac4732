#!/bin/sh
# Installs Debian packages in a build step: sh apt-install.sh PACKAGE ...
# SNAPSHOT (a build argument): which day's state of snapshot.debian.org, so that the same packages are there in a year. A mirror of the
# caller's (secret apt_mirror, from EDGESEG_APT_MIRROR) goes before it and gives up that promise. Secret apt: the caller's apt settings
# (proxies). Both are secrets because they may hold passwords, and secrets come into no layer and no history.
set -eu
mirror=$(cat /run/secrets/apt_mirror 2>/dev/null || true)
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
sources=$(mktemp)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -n "$mirror" ]; then
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$sources"
else
    for archive in "debian $suite" "debian $suite-updates" "debian-security $suite-security"; do
        # A snapshot is older than its signature allows; the signature itself is checked.
        echo "deb [signed-by=$keyring check-valid-until=no] http://snapshot.debian.org/archive/${archive% *}/$SNAPSHOT ${archive#* } main"
    done >"$sources"
fi
[ -r /run/secrets/apt ] && export APT_CONFIG=/run/secrets/apt
options="-o Dir::Etc::SourceList=$sources -o Dir::Etc::SourceParts=/dev/null -o Acquire::Retries=3 -o APT::Update::Error-Mode=any"
chmod 644 "$sources"
# shellcheck disable=SC2086  # several options in one word
if ! apt-get $options -qq update; then
    echo "edgeseg: Debian's packages cannot be reached (snapshot $SNAPSHOT); EDGESEG_APT_MIRROR names a mirror to take instead" >&2
    exit 1
fi
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get $options -qq -y install --no-install-recommends "$@"
rm -rf /var/lib/apt/lists/* /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log /var/log/alternatives.log "$sources"
