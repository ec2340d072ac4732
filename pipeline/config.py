"""The configuration of one experiment: a TOML file, checked key by key, with overrides from the command line.

Every key has a default, so a config says only what makes its experiment different. A key that does not exist is refused with the nearest
one that does.
"""

import difflib
import json
from pathlib import Path
from typing import Any, Literal

import tomli
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .data.bands import parse_bands
from .errors import UsageError


class Section(BaseModel):
    """A part of the configuration: immutable, no keys but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataConfig(Section):
    """Which patches, which bands, and how validation is split off."""

    root: str = ""  # a folder in the 38-Cloud layout; empty: the demo data
    bands: tuple[str, ...] | str = "rgbn"  # letters of r, g, b, n in any order, or a list of band names
    size: int = Field(192, ge=8, le=4096)  # side of the network's input in pixels
    split: Literal["scene", "patch"] = "scene"
    validation: float = Field(0.2, gt=0, lt=1)  # share of scenes (or patches) that is split off
    nonempty: bool = True  # train only on patches with more than 80 % nonzero pixels
    cache: bool = True  # decode training patches once into data/cache, where there is room, and read them from there
    workers: int = Field(0, ge=0, le=256)  # reader threads, or processes for a large dataset; 0: one per processor

    @field_validator("bands")
    @classmethod
    def _known_bands(cls, bands: tuple[str, ...] | str) -> tuple[str, ...] | str:
        try:
            parse_bands(bands)
        except UsageError as why:
            raise ValueError(str(why)) from None
        return bands


class AugmentConfig(Section):
    """Random changes to training patches; each is off at its zero. Geometry applies to image and mask alike."""

    flip: bool = True
    quarter_turns: bool = True
    crop: float = Field(0.0, ge=0, lt=1)  # largest share of the side that a random crop cuts away
    brightness: float = Field(0.0, ge=0, le=1)  # largest absolute shift, in units of the full range
    contrast: float = Field(0.0, ge=0, lt=1)  # largest relative change about the patch mean


class ModelConfig(Section):
    """Which network, how wide, and how it learns about quantization."""

    name: Literal["simple", "early", "improved", "cloudnet", "edge"] = "early"
    filters: int = Field(32, ge=4, le=512)  # of the first encoder level; of `edge`: at a quarter of the side
    depth: int = Field(2, ge=1, le=8)  # `edge`: convolutions a level, from a quarter of the side on down
    qat: Literal["none", "annotate-conv", "full"] = "full"
    # 0.99, the Keras default, leaves the moving statistics behind a short training: see docs/training.md
    bn_momentum: float = Field(0.9, gt=0, lt=1)
    dropout: float = Field(0.15, ge=0, lt=1)  # bottleneck of `improved`, `cloudnet` and `edge` (Cloud-Net, arXiv 1901.10077)


class TrainConfig(Section):
    """The training loop."""

    epochs: int = Field(100, ge=1)
    batch: int = Field(8, ge=1)  # patches a step, over all replicas
    learning_rate: float = Field(1e-3, gt=0)
    loss: Literal["bce", "dice", "bce-dice", "soft-jaccard", "filtered-jaccard"] = "bce-dice"
    float_epochs: int = Field(0, ge=0)  # epochs in float before quantization-aware fine-tuning starts
    float_learning_rate: float = Field(1e-3, gt=0)  # of those
    patience: int = Field(20, ge=0)  # epochs without a better validation loss before stopping; 0: never stop early
    # plateau: reduced when validation stalls; cosine: falls to min_learning_rate over the epochs asked for (arXiv 1608.03983)
    schedule: Literal["plateau", "cosine"] = "plateau"
    lr_patience: int = Field(8, ge=0)  # plateau: epochs without a better validation loss before the rate is reduced; 0: never
    lr_factor: float = Field(0.5, gt=0, lt=1)
    min_learning_rate: float = Field(1e-6, gt=0)
    weights: Literal["best", "last"] = "best"  # of the epoch with the best validation loss, or of the last: see docs/training.md
    mixed_precision: Literal["none", "float16", "bfloat16"] = "none"
    strategy: Literal["none", "mirrored", "multi-worker"] = "none"
    tensorboard: bool = True


class QuantizeConfig(Section):
    """Post-training conversion."""

    batches: int = Field(100, ge=1)  # representative batches (of one patch), from the training split only


class EvaluateConfig(Section):
    """Thresholds that every report shows beside the one chosen on validation data."""

    fixed_threshold: float = Field(12 / 255, ge=0, le=1)  # Cloud-Net's, evaluation.m of the 38-Cloud dataset
    cross_check: int = Field(4, ge=0)  # patches on which LiteRT is compared with TensorFlow's own interpreter


class Config(Section):
    """One experiment."""

    name: str = Field("run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    task: Literal["cloud"] = "cloud"
    seed: int = Field(42, ge=0, lt=2**31)
    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    quantize: QuantizeConfig = QuantizeConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @model_validator(mode="after")
    def _float_first(self) -> "Config":
        if self.train.float_epochs and self.model.qat == "none":
            raise ValueError("train.float_epochs is the part before quantization-aware training; with model.qat = 'none' use train.epochs")
        if self.train.mixed_precision != "none" and self.model.qat != "none":
            raise ValueError("train.mixed_precision needs model.qat = 'none': fake quantization is defined in float32 only")
        return self


def load(path: Path | None, overrides: str = "") -> Config:
    """Read a TOML file (None: all defaults) and apply `overrides`, such as `train.epochs=3 data.bands=rgb`.

    Raises UsageError that names the file, the key and what is allowed.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomli.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"{path}: no such config; those that come with edgeseg are in configs/") from None
        except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError) as why:
            raise UsageError(f"{path}: not a readable TOML file: {why}") from None
    for item in overrides.split():
        _override(values, item)
    try:
        return Config.model_validate(values)
    except ValidationError as why:
        where = str(path) if path else "config"
        raise UsageError("\n".join(f"{where}: {_explain(error)}" for error in why.errors())) from None


def _override(values: dict[str, Any], item: str) -> None:
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise UsageError(f"SET: {item!r} is not of the form section.key=value, such as train.epochs=3")
    *sections, last = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise UsageError(f"SET: {key!r}: {section!r} is a value, not a section")
    try:
        values[last] = tomli.loads(f"value = {text}")["value"]
    except tomli.TOMLDecodeError:
        values[last] = text  # a bare word is a string
    if key == "name":  # a name may look like a number
        values[last] = text


def _explain(error: Any) -> str:
    """One validation error as a sentence: which key, what is wrong, what would do."""
    where = [str(part) for part in error["loc"] if part not in ("constrained-str", "str", "tuple[str, ...]")]
    key = ".".join(where)
    if error["type"] == "extra_forbidden":
        known = _keys(where[:-1])
        near = difflib.get_close_matches(where[-1], known, n=1)
        return f"{key}: no such key" + (f"; did you mean {near[0]!r}?" if near else "") + f" (there are: {', '.join(known)})"
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {message}, not {error['input']!r}" if key else message


def _keys(path: list[str]) -> list[str]:
    section: Any = Config
    for part in path:
        section = section.model_fields[part].annotation
    return list(section.model_fields)


def dump(config: Config) -> str:
    """The configuration as TOML, every key written out, so that a run folder repeats without the defaults of its day."""
    plain = config.model_dump(mode="json")
    top = {key: value for key, value in plain.items() if not isinstance(value, dict)}
    lines = [f"{key} = {_toml(value)}" for key, value in top.items()]
    for section, values in plain.items():
        if isinstance(values, dict):
            lines += ["", f"[{section}]"] + [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A string, number, truth value or list as TOML, which agrees with JSON on all of them but escapes beyond the basic plane and DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
