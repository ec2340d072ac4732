#!/bin/sh
# Runs an Invoke task in .cache/front, a small environment that is made first where it is missing or where its lock has changed.
# Usage: sh orchestrate/invoke.sh TASK [OPTION ...]; exits with the task's code, or with 4 where no Python can be found.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
sh "$root/orchestrate/bootstrap.sh" front || exit $?
exec "$root/.cache/front/bin/python" -m invoke --search-root "$root" "$@"
