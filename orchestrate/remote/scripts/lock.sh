# Hold the lock of DIR until stdin ends. $1 DIR, $2 token, $3 who. Says "held" when it has it; exit 75: somebody else has it.
#
# The kernel's flock dies with this process, so after a crash or a reboot nothing is held. One case is left: the other machine vanished and
# this process sits on a dead connection. Hence the beat: it writes the uptime (no clock to jump) whenever a line comes, every 5 s. Another
# deploy that sees no beat for 30 s ends the holder. The beat is overwritten in place, which a full disk allows.
mkdir -p -- "$1" || die "$1 cannot be made"
enter "$1"
exec 9>>.lock || die "$1: no write right"
uptime_s() { cut -d. -f1 /proc/uptime; }
first=
waited=0
until flock -n 9; do
  read -r beat 2>/dev/null <.lock.beat || beat=0
  read -r token pid who 2>/dev/null <.lock.holder || pid=
  [ -n "$first" ] || first=$beat
  if [ "$beat" != "$first" ] || [ $waited -gt 45 ]; then
    say "busy: ${who:-somebody} is at it"
    exit 75
  fi
  if [ $(($(uptime_s) - beat)) -gt 30 ] && [ -n "$pid" ] && grep -q edgeseg "/proc/$pid/cmdline" 2>/dev/null; then
    kill "$pid" 2>/dev/null
  fi
  waited=$((waited + 1))
  sleep 1
done
beat() { printf '%-15s\n' "$(uptime_s)"; }
beat >.lock.beat && printf '%s %s %s\n' "$2" "$$" "$3" >.lock.holder.new && mv -f .lock.holder.new .lock.holder || die "$1: no space, not even for a lock"
echo held
while read -r line; do beat 1<>.lock.beat; done
rm -f .lock.holder
