# $1 DIR, $2 token, $3 id: put a bundle that was verified and tested in incoming/ (if it is there) among the releases, and make it current.
enter "$1"
own "$2"
keep_scenes_out "$3"
new=incoming/$3.$2
if [ -d "$new/.board" ]; then
  if [ -d "releases/$3" ]; then # it was there but damaged: file by file, so that it may be the one that runs
    (cd "$new" && find . -type f) | while IFS= read -r file; do
      mkdir -p "releases/$3/${file%/*}" && mv -f "$new/$file" "releases/$3/$file" || exit 1
    done || die "releases/$3 could not be mended"
    rm -rf "$new"
  else
    mv -T "$new" "releases/$3" || die "$new could not be moved to releases/"
  fi
fi
[ -s "releases/$3/.board/sums" ] || die "releases/$3 is not there or not whole"
sync
was=$(target current)
[ "$was" != "$3" ] || exit 0
[ ! -e current ] || [ -L current ] || die "$1/current is no link; nobody but edgeseg should write in this folder: move it away"
if [ -n "$was" ]; then
  printf '%s\n' "$was" >"releases/$3/.board/previous.new" && mv -f "releases/$3/.board/previous.new" "releases/$3/.board/previous" || die "no space"
fi
touch "releases/$3" # last switched to, for pruning
ln -s "releases/$3" ".current.$2" && mv -T ".current.$2" current || die "current could not be switched; what ran goes on"
sync
