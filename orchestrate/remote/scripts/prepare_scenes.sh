# $1 DIR, $2 token, $3 scene id or nothing: the folder that it is uploaded to, under a name of this upload's own (prepare.sh says why). What was
# replaced when it was cut off goes.
enter "$1"
own "$2"
mkdir -p scenes results || die "$1: its folders cannot be made"
end_old_transfers scenes/.
rm -rf scenes/.*.old
[ -n "$3" ] || exit 0
for left in "scenes/.$3.partial" "scenes/.$3".*.partial; do
  if [ -d "$left" ] && [ ! -d "scenes/.$3.$2.partial" ]; then mv -T "$left" "scenes/.$3.$2.partial"; fi
  [ "$left" = "scenes/.$3.$2.partial" ] || rm -rf -- "$left"
done
mkdir -p "scenes/.$3.$2.partial" || die "$1/scenes cannot be written"
