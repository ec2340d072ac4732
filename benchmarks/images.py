"""Image builds, cold and warm, and sizes: `python -m benchmarks.images`, or `run()` for a collection of benchmarks.

Cold: every layer made anew (packages still come out of the builder's download caches, where it has them). Warm: every layer is there, as
after a touched Python file. There: what a stage pays when nothing is to be built.
"""

import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run() -> dict:
    """{image: {cold_seconds, warm_seconds, there_seconds, ratio, megabytes}} of the images for this machine; or why there are none."""
    from orchestrate import containers
    from orchestrate.errors import FrontDoorError, MissingTool
    from orchestrate.images import build, builder, graph, ingredients

    try:
        cli = containers.find("docker")
        read = graph.read(ROOT)
    except MissingTool as why:
        return {"skipped": str(why)}
    results: dict = {"engine": f"{cli.name} {cli.version}"}
    for name in read.group("default"):
        if ingredients.native() not in read.target(name).platforms:
            continue
        try:
            cold = _seconds(lambda name=name: build.ensure(cli, name, again=True))
            recipe = ingredients.recipe(read, name, None, cli)
            log = ROOT / ".cache" / "images" / "benchmark.log"
            warm = _seconds(lambda recipe=recipe, log=log: builder.run(cli, recipe, ROOT, log))
            there = _seconds(lambda name=name: build.ensure(cli, name))
        except FrontDoorError as why:  # the compiler's packages come from one place only
            results[name] = {"skipped": str(why)}
            continue
        size = int(cli.capture("image", "inspect", "--format", "{{.Size}}", recipe.reference))
        results[name] = {"cold_seconds": cold, "warm_seconds": warm, "there_seconds": there, "ratio": warm / cold, "megabytes": size / 1e6}
    return results


def _seconds(work) -> float:
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 2)


if __name__ == "__main__":
    sys.exit(print(json.dumps(run(), indent=2)))
