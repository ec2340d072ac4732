#!/bin/sh
# A build step: the cross compiler's environment, in the folder below EDGESEG_CACHE where orchestrate/toolchain.py looks for it. It reads
# toolchains/requirements.txt only, so that nothing but a new pin repeats it.
set -eu
name=toolchain-$(sha256sum /build/requirements.txt | cut -c1-12)
python3 -m venv "$EDGESEG_CACHE/$name"
sh /build/pip-install.sh "$EDGESEG_CACHE/$name/bin/python -m pip" /build/requirements.txt
touch "$EDGESEG_CACHE/$name/complete"
