"""`self-test` of a Python image: prints versions; exits 5, naming them, if packages are missing or not the ones of the lock.

    self_test.py LOCK ... [--python 3.10] [--import MODULE ...]

Runs in the image with its own Python, so it knows the standard library only.
"""

import argparse
import importlib
import os
import platform
import re
import sys
from importlib import metadata

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;\s*([^\\]*))?")


class Version(str):
    """A Python version that compares with another one by its numbers; `3.8.*` is any 3.8."""

    __hash__ = str.__hash__

    def _numbers(self):
        return [int(part) for part in re.findall(r"\d+", self)]

    def __lt__(self, other):
        return self._numbers() < Version(other)._numbers()

    def __ge__(self, other):
        return not self < other

    def __ne__(self, other):
        return not self == other

    def __eq__(self, other):
        wanted = Version(other)._numbers()
        return self._numbers()[: len(wanted)] == wanted


def holds(condition):
    """Whether the condition behind a pin (platform_machine == 'x86_64' and ...) holds here; the locks' own text is all that comes here."""
    facts = {
        "python_full_version": Version(platform.python_version()),
        "python_version": Version(".".join(platform.python_version_tuple()[:2])),
        "implementation_name": sys.implementation.name,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_system": platform.system(),
        "sys_platform": sys.platform,
    }
    return eval(condition, {"__builtins__": {}}, facts) if condition else True


def pins(paths):
    """{name: version} of what the lock files at `paths` want on this machine."""
    found = {}
    for path in paths:
        with open(path, encoding="utf-8") as lock:
            for match in filter(None, map(_PIN.match, lock)):
                if holds(match[3]):
                    found[match[1]] = match[2]
    return found


def main():
    """Compare what is installed with what is pinned; 0 or 5."""
    parser = argparse.ArgumentParser()
    parser.add_argument("lock", nargs="+")
    parser.add_argument("--python", default="")
    parser.add_argument("--import", dest="modules", nargs="*", default=[])
    asked = parser.parse_args()
    wrong = []
    print("python", platform.python_version(), platform.machine())
    if asked.python and Version(platform.python_version()) != Version(asked.python):
        wrong.append(f"Python {platform.python_version()} instead of {asked.python}")
    for name, pinned in sorted(pins(asked.lock).items()):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        print(name, version)
        if version != pinned:
            wrong.append(f"{name} {version} instead of {pinned}")
    for module in asked.modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            wrong.append(f"{module} cannot be imported: {error}")
    if wrong:
        print("edgeseg: self-test: " + "; ".join(wrong), file=sys.stderr)
    return 5 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
