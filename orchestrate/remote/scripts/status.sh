# $1 DIR: how the board is. Prints name=value lines; what it does not know of itself is empty or left out. Sources: proc(5), the kernel's
# Documentation for /sys/class/thermal (millidegrees, trip points, cooling devices) and cpufreq (kHz), Raspberry Pi's vcgencmd.
one() { cat "$1" 2>/dev/null; }
put uptime "$(cut -d. -f1 /proc/uptime)"
put load "$(cut -d' ' -f1-3 /proc/loadavg)"
put processors "$(grep -c ^processor /proc/cpuinfo)"
put memory_kib "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"
put memory_free_kib "$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)"
for zone in /sys/class/thermal/thermal_zone*; do
  value=$(one "$zone/temp") && [ -n "$value" ] || continue
  trip=
  for kind in "$zone"/trip_point_*_type; do
    [ "$(one "$kind")" != passive ] || [ -n "$trip" ] || trip=$(one "${kind%_type}_temp")
  done
  put thermal "$(one "$zone/type") $value $trip"
done
for device in /sys/class/thermal/cooling_device*; do
  case $(one "$device/type") in
    *cpu* | *processor* | *Processor* | *freq*) put cooling "$(one "$device/type" | tr ' ' _) $(one "$device/cur_state") $(one "$device/max_state")" ;;
  esac
done
for policy in /sys/devices/system/cpu/cpufreq/policy*; do
  [ ! -d "$policy" ] || put frequency "$(one "$policy/scaling_cur_freq") $(one "$policy/scaling_max_freq") $(one "$policy/cpuinfo_max_freq")"
done
put apex_temp "$(one /sys/class/apex/apex_0/temp)"
put vcgencmd "$(vcgencmd get_throttled 2>/dev/null | sed -n 's/^throttled=//p')"
cd -- "$1" 2>/dev/null || exit 0
release=$(target current)
put selftest "$(tr -d '\n' 2>/dev/null <"releases/$release/.board/selftest.json")"
put manifest "$(tr -d '\n' 2>/dev/null <"releases/$release/manifest.json")"
put scenes "$(ls scenes 2>/dev/null | wc -l | tr -d ' ')"
