# $1 DIR, $2 release, $3 scene: how many patches are done, once a second, until the run has ended; then its exit code and its last line.
enter "$1/results/$2/$3"
while [ ! -f exit ]; do
  # Free although there is no exit code: ended by a kill or a restart. Looked for once more, as it may have ended just now.
  if flock -n ../../../.run true && [ ! -f exit ]; then
    put exit lost
    exit 0
  fi
  put patches "$(ls -A patches 2>/dev/null | grep -c '[.]bin')" || exit 0
  sleep 1
done
put last "$(tail -n 1 log.txt)"
put exit "$(cat exit)"
