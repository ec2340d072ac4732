"""Deploys that are broken off in a step of choice, and what must hold afterwards: the same for any board and any way to break."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import small_bundle
from board_front import Front

Break = Callable[[object], object]  # given the client's process; what it returns, if anything, is called when the client has ended


class Client:
    """A deploy that was started, and when it said what: `times` in seconds from its start, one for each line, the last for its end."""

    def __init__(self, front: Front, folder: str, bundle: Path):
        self.began, self.times, self.lines = time.monotonic(), [], []
        self.process = front.start("deploy", "--host", "board", "--dir", folder, "--bundle", str(bundle))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.times.append(time.monotonic() - self.began)
            self.lines.append(line.strip())

    def wait_for(self, lines: int, seconds: float) -> None:
        """Until it has said so many lines, and `seconds` more; or until it has ended."""
        while len(self.lines) < lines and self.process.poll() is None:
            time.sleep(0.005)
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            time.sleep(0.005)

    def ended(self) -> int:
        """Its exit code, once it has one."""
        code = self.process.wait(timeout=300)
        self._reader.join(timeout=300)
        self.times.append(time.monotonic() - self.began)
        return code


def broken_off(front: Front, folder: str, bundles: Path, target: str, ways: "dict[str, Break]", times: int, seed: int) -> "list[str]":
    """Break `times` deploys, one after the other in `folder` on the board, at random moments; steps and ways take turns.

    A step is what happens between two lines that a deploy says. After each the old release or the new one runs, whole and with its golden
    output; the next deploy succeeds, and leaves nothing over. Returns a line for each.
    """
    chance, story = random.Random(seed), []
    front.invoke("deploy", "--host", "board", "--dir", folder, "--bundle", str(small_bundle.make(bundles, target, f"r{seed}x")))
    undisturbed = Client(front, folder, small_bundle.make(bundles, target, f"r{seed}y"))
    assert undisturbed.ended() == 0, undisturbed.lines
    lengths = [after - before for before, after in zip([0.0, *undisturbed.times[:-1]], undisturbed.times)]  # noqa: B905 (strict is new in 3.10)
    print("steps, in s:", *(f"{length:.2f}" for length in lengths), flush=True)
    running = front.works(folder)
    for number in range(times):
        bundle = small_bundle.make(bundles, target, f"r{seed}n{number}")
        turn, step = divmod(number, len(lengths))
        name, break_it = list(ways.items())[(step + turn) % len(ways)]  # each step in each way
        client = Client(front, folder, bundle)
        client.wait_for(step, chance.random() * lengths[step])
        moment, mend = time.monotonic() - client.began, break_it(client.process)
        code = client.ended()
        if mend is not None:
            mend()
        what = f"{number + 1:2} {name:4} in step {step + 1} at {moment:5.2f} s"
        now = front.works(folder)
        assert now in (running, bundle.name), f"{what}: {now} runs"
        assert code != 0 or now == bundle.name, f"{what}: {client.lines}"
        again = front.invoke("deploy", "--host", "board", "--dir", folder, "--bundle", str(bundle), code=None)
        assert again.returncode == 0, f"{what}, second deploy: {again.stderr}\nfirst: {client.lines}"
        assert front.works(folder) == bundle.name
        assert front.left_over(folder) == set(), what
        assert len(front.releases(folder)) <= 3
        last = client.lines[-1] if client.lines else ""
        story.append(f"{what}: exit {code} after {client.times[-1]:.1f} s, the {'new' if now == bundle.name else 'old'} one ran; {last}")
        print(story[-1], flush=True)
        running = bundle.name
    return story


def kill(process) -> None:
    """`kill -9` of the deploy client; nothing where it was quicker than the moment that was drawn for it."""
    process.kill()
