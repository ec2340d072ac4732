#!/bin/sh
# Runs an Invoke task in .venv, which is made first where it is missing or where the lock has changed.
# Usage: sh orchestrate/invoke.sh TASK [OPTION ...]; exits with the task's code, or with 4 where no Python 3.10 can be found.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
sh "$root/orchestrate/bootstrap.sh" || exit $?
exec "$root/.venv/bin/python" -m invoke --search-root "$root" "$@"
