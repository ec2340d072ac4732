#!/bin/sh
# A build step: other people's sources, fetched by the project's own code from where the caller's npm and pip settings (secrets) point, and
# checked against toolchains/pins.json. After it a build needs no network. TensorFlow's 2.5.0 archive is not among them: 60 MB that only
# `--tflite source` needs, which asks GitHub for more anyway.
set -eu
[ -r /run/secrets/pip ] && export PIP_CONFIG_FILE=/run/secrets/pip
[ -r /run/secrets/ca ] && export SSL_CERT_FILE=/run/secrets/ca
if [ -r /run/secrets/npm ]; then
    export NPM_CONFIG_USERCONFIG=/run/secrets/npm
else
    export NPM_CONFIG_REGISTRY=https://registry.npmjs.org/ # npm's own default: npm itself is not here to know it
fi
cd /build
PYTHONDONTWRITEBYTECODE=1 python3 -m orchestrate.pins tflite zlib libpng rapidjson
chmod -R a+rX "$EDGESEG_CACHE/sources" "$EDGESEG_CACHE/archives"
