# $1 DIR, $2 release, $3 scene: end the run as Ctrl-C would, and wait until it has written what it had.
enter "$1/results/$2/$3"
read -r pid <pid || exit 0
tr '\000' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -e inference -e stitch || exit 0
kill -TERM "$pid"
waited=0
until [ -f exit ] || [ $waited -ge 30 ]; do
  waited=$((waited + 1))
  sleep 1
done
