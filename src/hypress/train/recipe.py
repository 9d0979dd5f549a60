"""Recipes: all that a training is, typed, so that it can be written down and run again."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hypress.errors import ConfigurationError

Count = Annotated[int, Meta(ge=1)]


Weight = Annotated[float, Meta(ge=0)]


class Generative(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What HiFiC's training has besides: weights of its losses, and its schedule. See `losses`."""

    error: Weight = 0.02
    """Of the squared error of images in [0, 255]."""
    similarity: Weight = 1.0
    """Of 1 − SSIM."""
    perceptual: Weight = 0.25
    features: str = ""
    """Path of a photographic network for the perceptual loss; none: derivatives, see `perceptual`."""
    adversarial: Weight = 0.15
    """Of the discriminator's opinion."""
    adversarial_from: Annotated[float, Meta(ge=0, le=1)] = 0.8
    """Share of the steps that are a warm start without a discriminator."""
    rate: Annotated[float, Meta(gt=0)] = 2.0
    """Of a bit per pixel above the target, times the target."""
    rate_ratio: Annotated[float, Meta(ge=1)] = 16.0
    """How much less a bit below the target weighs."""
    rate_from: Annotated[float, Meta(ge=0, le=1)] = 0.15
    """Share of the steps in which bits come to their full weight: what costs at once is never learnt."""
    sparsity: Weight = 0.1
    """Of the mean magnitude of the weights of squeezes."""
    discriminator_width: Annotated[float, Meta(gt=0, le=4)] = 1.0


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One training. `recipes/NAME.json` are ours; any JSON file of these fields will do."""

    codec: Literal["bandwise", "cae1d", "sscnet", "cae3d", "hific", "hific_se", "hific_3d", "siren"]
    architecture: dict[str, Any] = {}
    """Fields of the network's architecture; those left out keep their defaults."""
    steps: Count
    batch: Count = 8
    """Of each process, where there are several."""
    patch: Annotated[int, Meta(ge=8)] = 48
    """Edge of the squares that are learnt from, in pixels."""
    learning_rate: Annotated[float, Meta(gt=0)] = 1e-3
    """Of Adam; it rises over `warmup` steps and falls along half a cosine to a hundredth."""
    warmup: Annotated[int, Meta(ge=0)] = 200
    clip: Annotated[float, Meta(gt=0)] = 1.0
    """Norm to which gradients are cut."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the network's convolutions; the weights stay in float32."""
    rate_weight: Annotated[float, Meta(ge=0)] = 1.0
    """Autoencoders: the price of a bit per sample, in thousandths of the squared error of the range."""
    generative: Generative | None = None
    """HiFiC: its losses and schedule; none: as `Generative` has them."""
    validation: tuple[str, ...] = ()
    """Names of scenes that are not learnt from but measured."""
    validate_every: Count = 500
    patience: Annotated[int, Meta(ge=0)] = 0
    """Validations without a gain after which training stops; 0: never."""
    checkpoint_every: Count = 500
    seed: Annotated[int, Meta(ge=0)] = 0
    threads: Count = 1
    """Of torch, in each process."""
    sensor: str = "any"
    data: str = ""
    """What the scenes are, for the card."""
    licence: str = "Apache-2.0"


def recipe(name: str, changes: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe of ours by name, or of a JSON file by path, with some fields changed. Raises ConfigurationError."""
    try:
        if name.endswith(".json"):
            text = Path(name).read_bytes()
        else:
            text = (_folder() / f"{name}.json").read_bytes()
    except OSError:
        raise ConfigurationError(f"there is no recipe {name!r}; ours are: {', '.join(names())}") from None
    try:
        fields = msgspec.json.decode(text, type=dict[str, Any])
        return msgspec.convert(fields | dict(changes or {}), Recipe, strict=False)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"recipe {name}: {error}") from None


def names() -> list[str]:
    """Our recipes."""
    return sorted(p.name.removesuffix(".json") for p in _folder().iterdir() if p.name.endswith(".json"))


def _folder() -> Any:
    return importlib.resources.files("hypress.train") / "recipes"
