#!/bin/sh
# Makes .venv from the hash-pinned lock. Needs nothing but a POSIX shell to say what is missing; exit 4: no Python 3.10 was found.
# The stamp, written last, holds the lock's sha256: with a right one there is nothing to do, without one .venv is made anew.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
stamp=$root/.venv/edgeseg.stamp

digest() {
    if command -v sha256sum >/dev/null 2>&1; then sum=sha256sum; else sum='shasum -a 256'; fi
    cat "$root/docker/trainer/requirements.txt" "$root/docker/trainer/dev.txt" | $sum | cut -d' ' -f1
}

# Whether $1 is a CPython 3.10 that can make a venv: found by running it, since a pyenv shim is there even for a version that is not enabled.
fits() {
    [ -n "$1" ] && "$1" -c 'import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 10) or sys.implementation.name != "cpython")' >/dev/null 2>&1
}

find_python() {
    for python in python3.10 python3 python; do
        fits "$python" && command -v "$python" && return
    done
    for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10*/bin/python "$(pyenv root 2>/dev/null)"/versions/3.10*/bin/python; do
        fits "$python" && echo "$python" && return
    done
    command -v uv >/dev/null 2>&1 || return 1
    python=$(uv python find --no-project 3.10 2>/dev/null) && fits "$python" && echo "$python" && return
    echo "edgeseg: no Python 3.10 here yet: asking uv for one" >&2
    uv python install 3.10 >&2 && python=$(uv python find --no-project 3.10) && fits "$python" && echo "$python"
}

wanted=$(digest)
if [ -x "$root/.venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi
if ! python=$(find_python); then
    cat >&2 <<'END'
edgeseg: no Python 3.10 found: not on PATH (python3.10, python3, python), not in pyenv, not through uv.
  TensorFlow 2.10 runs on no later Python. Get one with any of these, then run the same command again:
    pyenv install 3.10
    uv python install 3.10        (pip install uv)
    apt-get install python3.10 python3.10-venv        (Ubuntu 22.04)
    brew install python@3.10        (macOS)
END
    exit 4
fi
exec "$python" -I "$root/orchestrate/environment.py" "$wanted"
