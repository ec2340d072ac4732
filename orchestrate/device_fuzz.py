"""Looks for inputs that break the board's programs: `python -m orchestrate.device_fuzz [SECONDS]` (600 for each subject by default).

Needs clang with libFuzzer (`apt-get install clang`). New inputs that reach new code are kept in .cache/fuzz and used again the
next time; one that crashes, hangs or takes more than 512 MB is left there too, named after its subject, and belongs into tests/cpp/corpus
once understood.
"""

import shutil
import subprocess
import sys

from . import ROOT, device_build
from .device_files import CACHE
from .errors import FrontDoorError, MissingTool, WrongUsage

SUBJECTS = ("scene", "name", "patch")
FOUND = 5  # exit code: a gate that was asked for did not hold


def fuzz(seconds: int) -> list[str]:
    """Fuzz every subject for so many seconds; returns those that broke."""
    if shutil.which("clang++") is None:
        raise MissingTool("clang++ is not there: apt-get install clang (zig's clang has no libFuzzer)")
    folder = device_build.compile_programs("fuzz", [f"fuzz_{subject}" for subject in SUBJECTS])
    broken = []
    for subject in SUBJECTS:
        found, seeds = CACHE / "fuzz" / subject, ROOT / "tests" / "cpp" / "corpus" / subject
        found.mkdir(parents=True, exist_ok=True)
        limits = [f"-max_total_time={seconds}", "-max_len=4096", "-rss_limit_mb=512", "-timeout=10", "-print_final_stats=1"]
        command = [folder / "tests" / f"fuzz_{subject}", *limits, f"-artifact_prefix={CACHE / 'fuzz' / subject}-", found, seeds]
        print(f"edgeseg: fuzzing {subject} for {seconds} s", file=sys.stderr, flush=True)
        if subprocess.run(command, check=False).returncode != 0:
            broken.append(subject)
    return broken


def main(arguments: list[str]) -> int:
    """Exit code 5 where something broke."""
    try:
        if len(arguments) > 1 or not all(word.isdigit() and int(word) > 0 for word in arguments):
            raise WrongUsage("usage: python -m orchestrate.device_fuzz [SECONDS]")
        broken = fuzz(int(arguments[0]) if arguments else 600)
    except FrontDoorError as error:
        print(f"edgeseg: {error}", file=sys.stderr)
        return error.exit_code
    print(f"broken: {', '.join(broken)}; see .cache/fuzz" if broken else "nothing broke", file=sys.stderr)
    return FOUND if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
