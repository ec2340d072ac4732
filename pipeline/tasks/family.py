"""Networks side by side: what each is, and, where asked for, what each scores after the same training on the same data.

Trainings are ordinary run folders below one folder. One whose config is the one that is wanted is gone on with, or taken as it is where it
is scored, so that a table that was interrupted is completed by the same command; what is to be trained afresh is removed first.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import files
from ..config import Config, load
from ..errors import UsageError
from ..progress import say
from ..run import Run, create
from .comparison import CONFIGS

NETWORKS = ("edge-s", "edge-m", "edge-l", "early", "improved-3")  # the thesis's baselines with four bands at 192
SHOWN = ("float32", "int8")
KIND = "validation"  # the threshold that a user would take


def config_of(network: str) -> Config:
    """The configuration called `network`, of those that come with edgeseg, or the file of that name."""
    path = Path(network) if network.endswith(".toml") else CONFIGS / f"{network}.toml"
    return load(path)


def table(networks: Sequence[str]) -> list[dict[str, Any]]:
    """A row a network: its configuration's name and its `structure`."""
    from .structure import structure

    rows = []
    for network in networks:
        config = config_of(network)
        say(f"{config.name}: building and converting")
        rows.append({"network": config.name, **structure(config)})
    return rows


def seeds_of(text: str) -> list[int]:
    """`1,2,3` as numbers; UsageError for anything else."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--seeds {text}: give whole numbers with commas between them, such as 1,2,3")
    return [int(part) for part in parts]


def wanted(network: Config, recipe: Config, seed: int) -> Config:
    """`recipe` for the network of another configuration: everything is the recipe's but [model], the seed and the name.

    A learning rate that the network's own file names is the network's: what one learns best at is no good to another (docs/models.md).
    """
    name = f"{network.name}-{recipe.name}-{seed}"[:64]
    train = recipe.train
    if "learning_rate" in network.train.model_fields_set:
        train = train.model_copy(update={"learning_rate": network.train.learning_rate})
    return recipe.model_copy(update={"name": name, "model": network.model, "train": train, "seed": seed})


def trained(folder: Path, config: Config) -> dict[str, Any]:
    """Train, quantize and score `config` in a run below `folder`, or go on with the one that is there; its run and scores (0..1)."""
    from .evaluating import evaluate
    from .quantizing import quantize
    from .training import train

    run = _run(folder, config)
    if not run.summary.exists():
        if not run.threshold.exists():  # the last thing that training writes
            train(run, config)
        quantize(run, config)
        evaluate(run, config)
    return {"run": run.folder.name} | _scores(run)


def _run(folder: Path, config: Config) -> Run:
    there = [Run(path.parent) for path in sorted(folder.glob("*/config.toml")) if not path.parent.name.startswith(".")]
    found = next((run for run in there if run.config() == config), None)
    if found is not None:
        say(f"{config.name}: going on with {found.folder}")
    return found or create(folder, config)


def _scores(run: Run) -> dict[str, Any]:
    whole = files.read_json(run.summary)
    return {variant: {average: whole["variants"][variant][KIND][average]["jaccard"] for average in ("macro", "micro")} for variant in SHOWN}


def spread(trainings: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean, lowest and highest of each score over the seeds."""

    def of(values: list[float]) -> dict[str, float]:
        return {"mean": statistics.fmean(values), "lowest": min(values), "highest": max(values)}

    return {variant: {average: of([one[variant][average] for one in trainings]) for average in ("macro", "micro")} for variant in SHOWN}


def train_all(rows: list[dict[str, Any]], networks: Sequence[str], recipe: Config, seeds: Sequence[int], folder: Path) -> dict[str, Any]:
    """Add to each row what its network scores after `recipe` with each seed; `table.json` in `folder` is written after every training.

    The seeds go outermost, so that an unfinished table compares like with like.
    """
    result = {"recipe": recipe.model_dump(mode="json"), "seeds": list(seeds), "rows": rows}
    for seed in seeds:
        for row, network in zip(rows, networks, strict=True):
            done = trained(folder, wanted(config_of(network), recipe, seed))
            row.setdefault("trainings", []).append({"seed": seed} | done)
            row["scores"] = spread(row["trainings"])
            files.write_json(folder / "table.json", result)
    return result
