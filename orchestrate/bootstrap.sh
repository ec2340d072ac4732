#!/bin/sh
# Makes one of the two environments from its hash-pinned lock: sh bootstrap.sh [front|trainer [find]]
#   front     .cache/front, for Invoke: small, from any Python since 3.9
#   trainer   .venv, for the local engine: 1.5 GB, from a Python 3.10 (the default)
# find: only print a Python that is here already and would do, if there is one.
# Needs nothing but a POSIX shell to say what is missing; exit 4: no such Python was found.
# The stamp, written last, holds the lock's sha256: with a right one there is nothing to do, without one the environment is made anew.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
which=${1:-trainer}
case $which in
    front)
        folder=$root/.cache/front
        names='python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python'
        unfit='sys.version_info[:2] < (3, 9)'
        managed=3.12
        ;;
    trainer)
        folder=$root/.venv
        names='python3.10 python3 python'
        unfit='sys.version_info[:2] != (3, 10) or sys.implementation.name != "cpython"'
        managed=3.10
        ;;
    *) echo "edgeseg: bootstrap.sh $which: there are front and trainer" >&2; exit 2 ;;
esac

digest() {
    if command -v sha256sum >/dev/null 2>&1; then sum=sha256sum; else sum='shasum -a 256'; fi
    if [ "$which" = front ]; then
        cat "$root/docker/front/requirements.txt"
    else
        cat "$root/docker/trainer/requirements.txt" "$root/docker/trainer/dev.txt"
    fi | $sum | cut -d' ' -f1
}

# Whether $1 is such a Python and can make a venv: found by running it, since a pyenv shim is there even for a version that is not enabled.
fits() {
    [ -n "$1" ] && "$1" -c "import ensurepip, sys; sys.exit($unfit)" >/dev/null 2>&1
}

find_python() {
    for python in $names; do
        fits "$python" && command -v "$python" && return
    done
    for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python "$(pyenv root 2>/dev/null)"/versions/3.*/bin/python; do
        fits "$python" && echo "$python" && return
    done
    command -v uv >/dev/null 2>&1 || return 1
    python=$(uv python find --no-project "$managed" 2>/dev/null) && fits "$python" && echo "$python" && return
    [ "$2" = find ] && return 1
    echo "edgeseg: no Python $managed here yet: asking uv for one" >&2
    uv python install "$managed" >&2 && python=$(uv python find --no-project "$managed") && fits "$python" && echo "$python"
}

if [ "$2" = find ]; then
    find_python "$@"
    exit
fi
wanted=$(digest)
if [ -x "$folder/bin/python" ] && [ -f "$folder/edgeseg.stamp" ] && [ "$(cat "$folder/edgeseg.stamp")" = "$wanted" ]; then
    exit 0
fi
if ! python=$(find_python); then
    if [ "$which" = front ]; then
        cat >&2 <<'END'
edgeseg: no Python found that is 3.9 or newer and can make an environment (on Debian and Ubuntu that takes a package of its own).
  Get one with any of these, then run the same command again:
    apt-get install python3 python3-venv        (Debian, Ubuntu)
    uv python install 3.12        (pip install uv)
    brew install python        (macOS)
END
    else
        cat >&2 <<'END'
edgeseg: no Python 3.10 found: not on PATH (python3.10, python3, python), not in pyenv, not through uv.
  TensorFlow 2.10 runs on no later Python. Get one with any of these, then run the same command again:
    pyenv install 3.10
    uv python install 3.10        (pip install uv)
    apt-get install python3.10 python3.10-venv        (Ubuntu 22.04)
    brew install python@3.10        (macOS)
  Or install a container engine (docker, podman): stages then run in images and need no Python 3.10 here.
END
    fi
    exit 4
fi
exec "$python" -I "$root/orchestrate/environment.py" "$wanted" "$which"
