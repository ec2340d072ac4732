# $1 file: its sha256 in the first line, then its bytes.
[ -f "$1" ] || die "$1 is not there"
sha256sum <"$1" | cut -c1-64 && cat -- "$1"
