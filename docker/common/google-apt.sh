#!/bin/sh
# Installs one package of Google's Coral repository in an exact version: sh google-apt.sh PACKAGE VERSION (needs curl and gpg).
# The repository's key is trusted by its fingerprint, not because it was downloaded from there.
set -eu
package=$1 version=$2
site=https://packages.cloud.google.com/apt
# Google's package-signing keys: the Artifact Registry's (it signs since the repositories moved there), and the three before it.
trusted="35BAA0B33E9EB396F59CA838C0BA5CE6DC6315A3 A362B822F6DEDC652817EA46B53DC80D13EDEF05
         54A647F9048D5688D7DA2ABE6A030B21BA07F4FB 7F92E05B31093BEF5A3C2D38FEEA9169307EA071"
[ -r /run/secrets/apt ] && export APT_CONFIG=/run/secrets/apt
[ -r /run/secrets/ca ] && export CURL_CA_BUNDLE=/run/secrets/ca
work=$(mktemp -d)
export GNUPGHOME="$work"
chmod 700 "$work"
if ! curl --silent --show-error --fail --location --retry 2 --max-time 60 "$site/doc/apt-key.gpg" -o "$work/key"; then
    echo "edgeseg: $package $version comes from Google's apt repository only ($site), which cannot be reached" >&2
    exit 1
fi
gpg --quiet --batch --import "$work/key"
for key in $trusted; do
    gpg --quiet --batch --export "$key"
done >/usr/share/keyrings/google-coral.gpg
if [ ! -s /usr/share/keyrings/google-coral.gpg ]; then
    echo "edgeseg: no key in $site/doc/apt-key.gpg has a fingerprint that is trusted here (docker/common/google-apt.sh)" >&2
    exit 1
fi
echo "deb [signed-by=/usr/share/keyrings/google-coral.gpg] $site coral-edgetpu-stable main" >"$work/sources"
chmod 755 "$work" && chmod 644 "$work/sources"
for step in update "install --no-install-recommends -y $package=$version"; do
    # shellcheck disable=SC2086
    apt-get -qq -o Dir::Etc::SourceList="$work/sources" -o Dir::Etc::SourceParts=/dev/null -o APT::Update::Error-Mode=any $step
done
found=$(dpkg-query -W -f '${Version}' "$package")
if [ "$found" != "$version" ]; then
    echo "edgeseg: $package is $found, wanted is $version" >&2
    exit 1
fi
rm -rf "$work" /var/lib/apt/lists/* /usr/share/keyrings/google-coral.gpg
