# $1 DIR, $2 token, $3 id: make room for the upload of id; what deploys that were broken off left behind goes, but for what they sent of id.
# That gets a new name, so that an sftp whose deploy was killed, but which was not, finds nothing to write to.
enter "$1"
own "$2"
mkdir -p incoming releases scenes results || die "$1: its folders cannot be made"
end_old_transfers incoming/
for left in incoming/* incoming/.[!.]* .current.*; do
  case $left in
    "incoming/$3" | "incoming/$3".*) [ -z "$3" ] || [ ! -d "$left" ] || [ -d "incoming/$3.$2" ] || mv -T "$left" "incoming/$3.$2" ;;
  esac
  [ "$left" = "incoming/$3.$2" ] || rm -rf -- "$left"
done
[ -z "$3" ] || mkdir -p "incoming/$3.$2" || die "$1/incoming/$3.$2 cannot be made"
