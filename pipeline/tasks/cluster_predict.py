"""The stage `predict` over an existing Dask cluster: one scene is one task, on storage that all workers share."""

import contextlib
import os
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import errors, files
from ..config import Config
from ..errors import DataError, EdgesegError, MissingToolError
from ..progress import bar, say
from ..run import Run
from . import cloud, cluster
from .predicting import Stage, test_scenes

RETRIES = 2  # after an OSError of shared storage; a scene whose worker died goes to another one without being counted here
_LOOK = 5  # seconds between two looks at whether there still are workers


def predict(run: Run, config: Config, variants: Sequence[str], address: str) -> None:
    """`predicting.predict` with the scenes spread over the workers of the cluster at `address`; the files are the same, byte for byte.

    Scenes that are complete are not sent. A damaged scene does not stop the others: its error comes at the end. Raises UsageError for
    nonsense in `address` and MissingToolError for a cluster that does not answer or cannot do the work, before any is sent.
    """
    cluster.check_address(address)
    run, config = Run(Path(os.path.abspath(run.folder))), _absolute(config)
    stage, todo = Stage(run, config, variants), []
    scenes = test_scenes(config)
    with cluster.connected(address) as client:
        for scene in scenes:
            if stage.complete(scene):
                for variant in variants:
                    say(f"{variant} {scene.id}: already there")
            else:
                todo.append(scene.id)
        if not todo:
            return
        cluster.check_workers(client, run, config, next(scene for scene in scenes if scene.id == todo[0]))
        failures = _spread(client, address, run, config, variants, todo)
    files.remove_partials(run.scenes)  # now that nobody writes there: what killed workers left
    if failures:
        first = next(iter(failures.values()))
        if len(failures) == 1 or not isinstance(first, EdgesegError):
            raise first
        raise type(first)(f"{len(failures)} of {len(todo)} scenes could not be predicted, as said above; the others are done")


def one_scene(folder: str, config: str, variants: Sequence[str], scene_id: str) -> dict[str, Any]:
    """On a worker: predict one scene on one processor, since a worker runs as many tasks at once as it has threads.

    Returns `lines` for people or, where trying again would not help, `error`, `kind` and `traceback`. Only OSError is raised: Dask retries.
    """
    import cv2

    cv2.setNumThreads(1)
    try:
        settings = Config.model_validate_json(config)
        stage = Stage(Run(Path(folder)), settings, variants, threads=1)
        (scene,) = (scene for scene in test_scenes(settings) if scene.id == scene_id)
        return {"lines": list(stage.predict(scene))}
    except OSError:
        raise
    except EdgesegError as why:
        return {"error": str(why), "kind": type(why).__name__}
    except Exception as why:
        return {"error": repr(why), "kind": "", "traceback": traceback.format_exc()}


def _spread(client: Any, address: str, run: Run, config: Config, variants: Sequence[str], ids: Sequence[str]) -> dict[str, Exception]:
    """Send the scenes, tell people of each that is done, and return what went wrong, by scene."""
    arguments = (str(run.folder), config.model_dump_json(), tuple(variants))
    failures: dict[str, Exception] = {}
    futures = {client.submit(one_scene, *arguments, each, retries=RETRIES, pure=False): each for each in ids}
    try:
        with bar() as progress:
            shown = progress.add_task("scenes", total=len(ids))
            for future in _finished(client, address, futures):
                failure = _outcome(address, futures[future], future)
                if failure is not None:
                    failures[futures[future]] = failure
                    say(f"error: scene {futures[future]}: {failure}")
                progress.advance(shown)
    except BaseException:  # Ctrl-C, a stop, a lost cluster: what waits is taken back, what runs ends by itself and is complete then
        with contextlib.suppress(Exception):
            client.cancel(list(futures), force=True)
        raise
    return failures


def _finished(client: Any, address: str, futures: dict[Any, str]) -> Iterator[Any]:
    """The futures as they finish; says so once when no worker is left that could go on."""
    from distributed import CancelledError, wait
    from distributed import TimeoutError as NotYet  # asyncio's, which is not Python's own before 3.11

    waiting, told = set(futures), False
    while waiting:
        try:
            done = wait(waiting, timeout=_LOOK, return_when="FIRST_COMPLETED").done
        except CancelledError:  # by distributed itself: nobody else cancels them
            raise MissingToolError(
                f"{address}: the connection to the scheduler was lost; what is complete is kept: give the same command again"
            ) from None
        except NotYet:
            lonely = not client.scheduler_info(n_workers=-1)["workers"]
            if lonely and not told:
                say(f"{address}: no worker is left; waiting for one (Ctrl-C ends this, and what is complete is kept)")
            told = lonely
            continue
        yield from done
        waiting -= done


def _outcome(address: str, scene: str, future: Any) -> Exception | None:
    """None for a scene that is done, after its lines were said; else what to raise for it."""
    from distributed import CancelledError, KilledWorker

    try:
        result = future.result()
    except KilledWorker:
        return MissingToolError(
            f"scene {scene}: every worker that began it died; look into their logs (memory?), then give the command again"
        )
    except CancelledError:
        raise MissingToolError(
            f"{address}: the cluster lost scene {scene}; what is complete is kept: give the same command again"
        ) from None
    except OSError as why:
        return why
    if "lines" in result:
        for line in result["lines"]:
            say(line)
        return None
    if result["kind"]:
        return getattr(errors, result["kind"], DataError)(result["error"])
    return RuntimeError(f"{result['error']} on a worker\n{result['traceback']}")


def _absolute(config: Config) -> Config:
    """`config` with the dataset's folder as workers find it, which run in other folders; the demo data is made here if need be."""
    root = os.path.abspath(cloud.Cloud(config).dataset.root)
    return config.model_copy(update={"data": config.data.model_copy(update={"root": root})})
