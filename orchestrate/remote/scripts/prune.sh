# $1 DIR, $2 token, $3 how many releases stay, never fewer than the current and the one before it. Prints those that went.
enter "$1"
own "$2"
current=$(target current)
read -r before 2>/dev/null <"releases/$current/.board/previous" || before=
kept=0
for id in "$current" "$before"; do [ -z "$id" ] || [ ! -d "releases/$id" ] || kept=$((kept + 1)); done
[ "$before" != "$current" ] || kept=1
for id in $(ls -1t releases); do
  [ "$id" != "$current" ] && [ "$id" != "$before" ] || continue
  kept=$((kept + 1))
  if [ $kept -gt "$3" ]; then # away in one step, so that a half removed one is never among the releases
    mv -T "releases/$id" "incoming/gone.$id" && rm -rf "incoming/gone.$id" && printf '%s\n' "$id"
  fi
done
