# What every script on the board begins with: POSIX sh, fit for dash and busybox. They come as one argument of `sh -c`, stdin is free.
LC_ALL=C
export LC_ALL
umask 022
say() { printf '%s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}
put() { printf '%s=%s\n' "$1" "$2"; }
enter() { cd -- "$1" 2>/dev/null || die "$1 is not there or may not be entered"; }
# Every step that changes something begins with this; $1: the token that took the lock. A step whose deploy was killed may still be at work:
# it ends first, on a lock of its own. And who was taken for dead and comes back must not change anything any more.
own() {
  holds "$1"
  end_old_test
  exec 8>>.lock.beat && flock 8 || die "$PWD: no right to write"
  holds "$1"
}
holds() {
  read -r held rest 2>/dev/null <.lock.holder || held=
  [ "$held" = "$1" ] || die "the lock was lost to somebody else (the connection was gone for too long); nothing was changed by this step"
}
# No test and no switch of releases beside a scene, and no scene beside them ($1: the release): the lock that a run holds, as fd 9 of this
# step, without waiting. Tried twice: who only looks holds it for a moment. What may outlive the step gets none of it (9>&-).
keep_scenes_out() {
  exec 9>>.run || die "$PWD: no right to write"
  if ! flock -n 9 && sleep 1 && ! flock -n 9; then
    say "busy: a scene is being run ($(cut -d' ' -f2 .run.holder 2>/dev/null)); \`invoke run-scene\` with it shows how far it is, or wait until it is done"
    exit 75
  fi
  printf 'deploy: %s\n' "$1" >.run.holder.new && mv -f .run.holder.new .run.holder || die "$PWD: no space"
}
# A transfer whose other end is not the deploy that holds the lock any more: it works in the folder that begins with $1.
end_old_transfers() {
  for old in $(ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -F -e " -> $PWD/$1" | sed 's|.*/proc/\([0-9]*\)/cwd.*|\1|'); do
    kill -9 "$old" 2>/dev/null
  done
}
end_old_test() {
  read -r old 2>/dev/null <incoming/.selftest || return 0
  tr '\000' ' ' 2>/dev/null <"/proc/$old/cmdline" | grep -q -e --golden -e golden/scene && kill -9 "$old" 2>/dev/null
  rm -f incoming/.selftest
}
target() { readlink "$1" 2>/dev/null | sed 's|^releases/||'; }
