"""How the tests start the programs."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Programs:
    """A folder with built programs, and how to start them."""

    folder: Path
    tests: Path  # the build folder with the fake libedgetpu and the test programs
    prefix: tuple[str, ...] = ()

    def run(self, program: str, *arguments, fake: str | None = None, timeout: float = 120, **more) -> subprocess.CompletedProcess:
        """Run `program`; `fake` is FAKE_EDGETPU's value, None hides the fake libedgetpu altogether."""
        environment = {**os.environ, "LC_ALL": "C"}
        if fake is not None:
            environment |= {"LD_LIBRARY_PATH": str(self.tests / "fake"), "FAKE_EDGETPU": fake}
        command = [*self.prefix, str(self.folder / program), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, check=False, **more)
