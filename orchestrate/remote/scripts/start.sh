# $1 DIR, $2 scene id, $3 folder with scenes, $4 model, $5 golden input, then options of inference: start the run, or find that it is
# under way. It is detached from this connection and holds .run (fd 9) until it ends. Prints the release, and started or "under way".
enter "$1"
scene=$2
from=$3/$2
model=$4
input=$5
shift 5
release=$(target current)
[ -n "$release" ] || die "no release runs here: invoke deploy"
[ -f "$from/scene.json" ] || die "the scene $scene is not at $from: invoke scene-push"
out=results/$release/$scene
exec 9>>.run || die "$PWD: no right to write"
if ! flock -n 9 && sleep 1 && ! flock -n 9; then # twice: who only looks holds it for a moment
  holder=$(cat .run.holder 2>/dev/null)
  case $holder in deploy:*) die "busy: a release is being tested and deployed (${holder#* }): wait until it is done" ;; esac
  [ "$holder" = "$release $scene" ] || die "another scene is being run (${holder#* }): wait until it is done"
  put release "$release"
  put state "under way"
  exit 0
fi
mkdir -p "$out" && printf '%s\n' "$release $scene" >.run.holder.new && mv -f .run.holder.new .run.holder || die "no space in $PWD"
rm -f "$out/exit" "$out/pid"
program=inference
if [ -f "$out/patches/scene.json" ]; then # every patch was done: with its report only the mask is missing, without it all is run again
  if grep -q '"status": *"complete"' "$out/report.json" 2>/dev/null; then program=stitch; else rm -rf "$out/patches"; fi
fi
golden=releases/$release/$input,releases/$release/.board/golden.bin
if [ $program = stitch ]; then
  set -- --in "$out/patches" --out "$out/mask.png" "$@"
else
  set -- --model "releases/$release/$model" --scene "$from" --out "$out/patches" --json "$out/report.json" --stitch "$out/mask.png" \
    --resume --golden "$golden" --golden-every 100 "$@"
fi
# shellcheck disable=SC2016 # the inner shells expand these
setsid sh -c 'out=$1 program=$2; shift 2
  sh -c '\''echo $$ >"$0/pid"; exec "$@"'\'' "$out" "$program" "$@"
  echo $? >"$out/exit.new" && mv -f "$out/exit.new" "$out/exit"' \
  edgeseg "$out" "releases/$release/bin/$program" "$@" >"$out/log.txt" 2>&1 </dev/null &
put release "$release"
put state started
