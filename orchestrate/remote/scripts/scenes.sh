# $1 folder with scenes ("" or absolute), $2 DIR: "scene ID STATE" for each; STATE: new, begun or done by the current release.
enter "$2"
release=$(target current)
put release "$release"
for about in "$1"/*/scene.json; do
  [ -f "$about" ] || continue
  id=${about%/scene.json}
  id=${id##*/}
  state=new
  [ ! -d "results/$release/$id" ] || state=begun
  [ "$(cat "results/$release/$id/exit" 2>/dev/null)" != 0 ] || state=done
  printf 'scene %s %s\n' "$id" "$state"
done
for code in results/"$release"/*/exit; do # done, from a card that is not looked at now
  id=${code%/exit}
  id=${id##*/}
  [ -f "$1/$id/scene.json" ] || [ "$(cat "$code" 2>/dev/null)" != 0 ] || printf 'scene %s done\n' "$id"
done
