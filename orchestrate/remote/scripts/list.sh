# $1 DIR: the releases, newest switch first, as "id<TAB>KiB<TAB>seconds since the epoch"; before them current=, since=, previous=.
[ -d "$1" ] || exit 0
enter "$1"
current=$(target current)
put current "$current"
put since "$([ ! -L current ] || stat -c %Y current)"
put previous "$(cat "releases/$current/.board/previous" 2>/dev/null)"
[ ! -d releases ] || for id in $(ls -1t releases); do
  printf '%s\t%s\t%s\n' "$id" "$(du -sk "releases/$id" | cut -f1)" "$(stat -c %Y "releases/$id")"
done
