# $1 DIR, $2 token, $3 incoming/ID or releases/ID, $4 model: run the golden scene into .test.TOKEN, which never counts as part of the release.
# Exit 75: a scene is being run.
enter "$1"
own "$2"
id=${3#*/}
keep_scenes_out "${id%".$2"}"
dir=$PWD
mkdir -p incoming && enter "$3"
rm -rf .test.*
test=.test.$2
mkdir "$test" || die "$1/$3: no space or no right to write"
chmod 755 bin/inference bin/stitch || die "$1/$3/bin: the programs are not there"
# shellcheck disable=SC2016 # the inner shell expands these
sh -c 'echo $$ >"$0/incoming/.selftest"; exec "$@"' "$dir" bin/inference --model "$4" --scene golden/scene --out "$test/out" \
  --json "$test/report.json" --stitch "$test/mask.png" >"$test/log" 2>&1 </dev/null 8>&- 9>&- # not the locks of the step: this may be killed, and what it started not
code=$?
rm -f "$dir/incoming/.selftest"
if [ $code -ne 0 ]; then
  if [ -s "$test/log" ]; then tail -n 1 "$test/log" >&2; else say "it could not write a word (exit code $code): is the disk full? see: df $1"; fi
  case $code in
    126 | 127) say "the programs cannot be started (exit code $code); is $1 on a file system that is mounted noexec? see: mount" ;;
    139 | 134 | 135 | 132) say "inference crashed (signal $((code - 128)))" ;;
  esac
  rm -rf "$test"
  exit $code
fi
set -- "$test"/out/*.bin
[ $# -eq 1 ] && [ -f "$1" ] || die "the golden scene gave $# outputs instead of one"
printf '%s %s\n' "$(sha256sum <"$1" | cut -c1-64)" "${1##*/}"
