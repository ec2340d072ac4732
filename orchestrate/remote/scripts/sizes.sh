# $1 folder: size and name of every file below it.
cd -- "$1" 2>/dev/null || exit 0
find . -type f -exec stat -c '%s %n' {} +
