#!/bin/sh
# A stand-in for `inference` and `stitch`: the same options, files and exit codes, no model. A result is the first 16 bytes of the patch.
# Files beside the program change what it does: "slow" (seconds a patch), "code" (exit code, with a line), "steps" (another output).
here=$(dirname -- "$0")
resume=no
while [ $# -gt 0 ]; do
  case $1 in
    --resume) resume=yes && shift ;;
    --*) eval "$(printf %s "${1#--}" | tr - _)=\$2" && shift 2 ;;
  esac
done
if [ "$(basename "$0")" = stitch ]; then
  printf 'mask %s %s' "$threshold" "$crop" >"$out"
  exit 0
fi
if [ -f "$here/code" ]; then
  echo "inference: the stand-in was told to fail" >&2
  exit "$(cat "$here/code")"
fi
[ -f "$model" ] && [ -f "$scene/scene.json" ] || exit 3
if [ -n "$golden" ]; then
  [ -f "${golden%%,*}" ] && [ -f "${golden#*,}" ] && [ -n "$golden_every" ] || exit 5
fi
[ ! -d "$out" ] || [ $resume = yes ] || exit 2
mkdir -p "$out"
trap 'echo "inference: interrupted" >&2; exit 130' TERM INT
run=0
resumed=0
for patch in "$scene"/*.bin; do
  to=$out/${patch##*/}
  if [ -f "$to" ]; then
    resumed=$((resumed + 1))
    continue
  fi
  [ ! -f "$here/slow" ] || sleep "$(cat "$here/slow")"
  head -c 16 "$patch" >"$to"
  [ ! -f "$here/steps" ] || cat "$here/steps" >"$to"
  run=$((run + 1))
done
printf '{"dtype": "int8"}' >"$out/scene.json"
printf '{"status": "complete", "scene": "%s", "run": %d, "resumed": %d, "tflite": "stand-in", "libedgetpu": "", "wall_ms": 1.5,
 "milliseconds": {"invoke": {"first": 2.5, "median": 2.0}}}' "${scene##*/}" $run $resumed >"$json"
[ -z "$stitch" ] || printf 'mask %s %s' "$threshold" "$crop" >"$stitch"
