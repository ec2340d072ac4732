"""`python -m orchestrate.images.lint`: hadolint over every Dockerfile. Exits 5 with its findings, 4 where hadolint is not there."""

import shutil
import subprocess
import sys
from pathlib import Path

from .. import ROOT


def main() -> int:
    """Check the Dockerfiles of the checkout; 0 if hadolint finds nothing."""
    beside = Path(sys.executable).with_name("hadolint")  # of the same environment, which need not be on PATH
    program = str(beside) if beside.exists() else shutil.which("hadolint")
    if not program:
        print("edgeseg: hadolint is missing: docker/trainer/dev.txt brings it (`make setup`)", file=sys.stderr)
        return 4
    files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docker/*/Dockerfile"))
    done = subprocess.run([program, *files], cwd=ROOT, check=False)
    print(f"Dockerfiles: {'findings, see above' if done.returncode else f'hadolint found nothing in {len(files)}'}.")
    return 5 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
