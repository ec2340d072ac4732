# $1 folder; stdin: lines of sha256sum. Prints the names of those files whose bytes are right.
cd -- "$1" 2>/dev/null || exit 0
sha256sum -c - 2>/dev/null | sed -n 's/: OK$//p'
