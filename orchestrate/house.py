"""House rules that no linter knows: short files, and no path of one person's machine. `python -m orchestrate.house` exits 5 if broken."""

import re
import subprocess
import sys
from pathlib import Path

from . import ROOT

LONGEST = 400  # lines
_CODE = {".py", ".sh", ".c", ".cc", ".cpp", ".h", ".hpp", ".cmake"}
_HOME = re.compile(r"(?<![\w.{}$-])/(?:root|home/\w+|Users/\w+)/")


def problems(root: Path) -> list[str]:
    """Every breach, as `file:line: what`, in the files of `root` that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True).stdout.decode()
    found = []
    for name in sorted(filter(None, listed.split("\0"))):
        path = root / name
        if path.is_symlink() or not path.is_file():
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:  # not text
            continue
        if path.suffix in _CODE and len(lines) > LONGEST:
            found.append(f"{name}:{LONGEST + 1}: {len(lines)} lines; split it (at most {LONGEST})")
        if path.name == "Dockerfile":  # paths of an image, which are the same for everybody
            continue
        found += [f"{name}:{number}: a path of one machine" for number, line in enumerate(lines, 1) if _HOME.search(line)]
    return found


def main() -> int:
    """Print the breaches; 0 if there are none, else 5."""
    found = problems(ROOT)
    print("\n".join(found) or "House rules: all held.")
    return 5 if found else 0


if __name__ == "__main__":
    sys.exit(main())
