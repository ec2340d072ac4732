"""An existing Dask cluster: its address, and the proof that every worker has this code and sees this run folder and data."""

import contextlib
import hashlib
import logging
import re
import secrets
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..config import Config
from ..errors import MissingToolError, UsageError
from ..run import Run
from . import cloud

_PATIENCE = 10  # seconds for the scheduler to answer
_ADDRESS = re.compile(r"(?:(?:tcp|tls)://)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")


def check_address(address: str) -> str:
    """`address` where it names a scheduler's host and port, else a UsageError. Nobody is asked yet."""
    found = _ADDRESS.fullmatch(address)
    if not found or not 0 < int(found[1]) < 65536:
        raise UsageError(f"--dask {address}: not the address of a Dask scheduler; it says one when it starts, such as tcp://10.0.0.5:8786")
    return address


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """A `distributed.Client` of the cluster at `address`; MissingToolError where none answers, it has no worker or other versions."""
    check_address(address)
    try:
        import distributed
    except ImportError as why:
        raise MissingToolError(f"--dask needs the package distributed ({why}); docker/trainer/requirements.txt pins it") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is wrong with a cluster is said here, in one line
    warnings.filterwarnings("ignore", module=r"distributed\..*")
    try:
        client = distributed.Client(address, timeout=_PATIENCE)
    except (OSError, ValueError, distributed.TimeoutError) as why:
        first = (str(why).splitlines() or [type(why).__name__])[0]
        raise MissingToolError(
            f"{address}: no Dask scheduler answers there ({first}); start one with `dask scheduler`, or give the address that it says"
        ) from None
    try:
        _check_versions(address, client)
        yield client
    finally:
        with contextlib.suppress(Exception):  # a cluster that is gone cannot be told goodbye
            client.close(timeout=2)


def _check_versions(address: str, client: Any) -> None:
    """Refuse what could not even read what it is sent: another Python or another distributed."""
    seen = client.get_versions()
    if not seen["workers"]:
        raise MissingToolError(f"{address}: this cluster has no worker; start some with `dask worker {address} --nthreads 1`")
    wrong = []
    here = seen["client"]
    for who, there in [("scheduler", seen["scheduler"]), *((f"worker {name}", each) for name, each in sorted(seen["workers"].items()))]:
        pythons = [".".join(each["host"]["python"].split(".")[:2]) for each in (there, here)]
        packages = [each["packages"]["distributed"] for each in (there, here)]
        for what, (theirs, ours) in (("Python", pythons), ("distributed", packages)):
            if theirs != ours:
                wrong.append(f"{who} has {what} {theirs}, here it is {ours}: start it from the same environment")
    if wrong:
        raise MissingToolError("\n".join(wrong))


def check_workers(client: Any, run: Run, config: Config, scene: cloud.Scene) -> None:
    """Prove, before work is sent, that every worker imports the same `pipeline`, reads and writes the same run folder, sees the same data.

    A file with a random word is put into the run folder: a worker must read the word and put a file of its own beside it. It must find
    the same files of `scene` too. Raises MissingToolError with one line for each worker that does not.
    """
    word = secrets.token_hex(16)
    proof = run.folder / f".cluster-{word[:8]}"
    try:
        proof.write_text(word)
        code = code_digest(Path(__file__).parents[1])
        answers = client.run(_looker(), str(proof), word, code, on_error="return")
        wrong = []
        for name, answer in sorted(answers.items()):
            if answer is None and not Path(f"{proof}.{_mark(name)}").exists():
                answer = f"writes to another {run.folder} than this machine's"
            if answer is not None:
                wrong.append(f"worker {name}: {answer}")
        if not wrong:
            data = client.run(fingerprint, config.model_dump_json(), scene.id, on_error="return")
            expected = scene.fingerprint()
            for name, answer in sorted(data.items()):
                if answer != expected:
                    why = answer if isinstance(answer, Exception) else "other files, times or paths"
                    wrong.append(f"worker {name}: does not see the same data below {config.data.root} ({why})")
    finally:
        for left in run.folder.glob(f"{proof.name}*"):
            left.unlink(missing_ok=True)
    if wrong:
        raise MissingToolError("\n".join(wrong))


def fingerprint(config: str, scene_id: str) -> str:
    """On a worker: the fingerprint of a scene's files."""
    scenes = {scene.id: scene for scene in cloud.Cloud(Config.model_validate_json(config)).scenes()}
    return scenes[scene_id].fingerprint()


def code_digest(package: Path) -> str:
    """A digest of every Python file of `package`: versions alone do not tell two checkouts apart."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _mark(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name)


def _looker() -> Callable[..., str | None]:
    """A function that travels whole, since a worker may not be able to import this module: what is wrong there, or None."""

    def look(proof: str, word: str, code: str, dask_worker: Any = None) -> str | None:
        import pathlib

        folder = pathlib.Path(proof).parent
        try:
            import pipeline
            from pipeline.tasks.cluster import _mark, code_digest
        except Exception as why:
            return f"cannot import pipeline ({why}): start it with the checkout on its PYTHONPATH, from the same environment"
        package = pathlib.Path(pipeline.__file__).parent
        if code_digest(package) != code:
            return f"has another version of pipeline ({package}): use the same commit there, and start the worker again"
        try:
            if pathlib.Path(proof).read_text() != word:
                return f"sees another {folder}"
        except OSError as why:
            return f"does not see the run folder {folder} ({why.strerror}): it must be on storage that all workers share, at the same path"
        try:
            pathlib.Path(f"{proof}.{_mark(dask_worker.address)}").write_text(word)
        except OSError as why:
            return f"cannot write to the run folder {folder} ({why.strerror})"
        return None

    return look
