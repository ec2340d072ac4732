# $1 DIR, $2 id: is the release whole, by the sums that were kept when it was deployed? Prints the files that are not.
enter "$1/releases/$2"
[ -s .board/sums ] || die "$2 was never deployed to its end; deploy it again"
sha256sum -c .board/sums 2>/dev/null | sed -n 's/: FAILED.*$//p'
sha256sum -c .board/sums >/dev/null 2>&1 || exit 3
