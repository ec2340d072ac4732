# Look, change nothing. $1: DIR as it was given, $2: id of the bundle that is to come. Prints name=value lines.
case $1 in
  /*) dir=$1 ;;
  *) dir=${HOME:-$PWD}/$1 ;;
esac
put dir "$dir"
put user "$(id -un)"
put arch "$(uname -m)"
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc //p')
[ -n "$libc" ] || libc=$(ldd --version 2>&1 | sed -n '1s/.*G[NL][UI].* \([0-9.]*\)$/\1/p')
put glibc "$libc"
put clock "$(date +%s)"
put system "$( (. /etc/os-release && printf %s "$PRETTY_NAME") 2>/dev/null)"
put board "$(tr -d '\000' 2>/dev/null </proc/device-tree/model)"

near=$dir
while [ ! -e "$near" ]; do near=$(dirname -- "$near"); done
write=yes
for part in "$near" "$dir/releases" "$dir/incoming" "$dir/scenes" "$dir/results"; do
  [ ! -e "$part" ] || { [ -d "$part" ] && [ -w "$part" ] && [ -x "$part" ]; } || write="no $part"
done
put write "$write"
put near "$near"
put free_kib "$(df -Pk -- "$near" | tail -n 1 | sed 's/  */ /g' | cut -d' ' -f4)"
# Of the bundle here already, and what a deploy clears away before it begins; together they are taken off what is needed.
size() { du -sk -- "$@" 2>/dev/null | tail -n 1 | cut -f1; }
put arrived_kib "$(size "$dir/incoming/$2".* || :)"
put released_kib "$(size "$dir/releases/$2" || :)"
put incoming_kib "$(size "$dir/incoming" || :)"

missing=
for tool in sha256sum flock setsid readlink stat mv ln find cut sed grep tail sync df kill sleep; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
mv --help 2>&1 | grep -q -e '-T' || missing="$missing mv(with-T)"
put missing "${missing# }"
put rsync "$(rsync --version 2>/dev/null | sed -n '1s/^rsync *version \([^ ]*\).*/\1/p')"
put python3 "$(python3 -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)"

library=
for at in $( (ldconfig -p || /sbin/ldconfig -p) 2>/dev/null | sed -n 's/.*libedgetpu\.so\.1 .*=> //p') \
  "/usr/lib/$(uname -m)-linux-gnu/libedgetpu.so.1" /usr/lib/libedgetpu.so.1 /usr/local/lib/libedgetpu.so.1; do
  [ -n "$library" ] || [ ! -e "$at" ] || library=$at
done
put edgetpu "$library"
put edgetpu_file "$([ -z "$library" ] || readlink -f -- "$library")"
put edgetpu_package "$(dpkg-query -W -f '${Status} ${Version}\n' libedgetpu1-std libedgetpu1-max 2>/dev/null | sed -n 's/^install ok installed //p' | tail -n 1)"
device=
for at in /sys/bus/usb/devices/*; do
  case $(cat "$at/idVendor" "$at/idProduct" 2>/dev/null | tr '\n' :) in
    1a6e:089a: | 18d1:9302:) device="usb ${at##*/}" ;;
  esac
done
[ ! -e /dev/apex_0 ] || device="pci /dev/apex_0"
put device "$device"

put current "$(target "$dir/current")"
running=
if [ -e "$dir/.run" ] && ! flock -n "$dir/.run" true 2>/dev/null; then running=$(cat "$dir/.run.holder" 2>/dev/null || echo a scene); fi
case $running in deploy:*) running= ;; esac # what is left of a killed deploy is ended by the next, and the lock tells of a live one
put running "$running"
