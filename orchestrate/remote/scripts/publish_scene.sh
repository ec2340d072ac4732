# $1 DIR, $2 token, $3 scene id: a scene that was uploaded and verified in scenes/.ID.TOKEN.partial gets its name. Results of another one go.
enter "$1"
own "$2"
part=scenes/.$3.$2.partial
find "$part" -name '.*' ! -name ".$3.$2.partial" -prune -exec rm -rf {} +
sync
if [ -e "scenes/$3" ]; then
  rm -rf "scenes/.$3.old"
  mv -T "scenes/$3" "scenes/.$3.old" || die "scenes/$3 cannot be moved away"
  for old in results/*/"$3"; do [ ! -e "$old" ] || { rm -rf "$old" && printf '%s\n' "$old"; }; done
fi
mv -T "$part" "scenes/$3" || die "$part cannot be moved to scenes/$3"
rm -rf "scenes/.$3.old"
sync
