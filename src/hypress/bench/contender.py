"""What takes part in the benchmark: a contender turns samples into bytes and back, and knows how it meets a goal.

Ours go through the public `hypress.encode`, exactly as a user's scene does. Everyone else's (`peers`, `outside`) is
handed the same integers; where a codec has no notion of a goal, its one knob is turned by the solver that turns ours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hypress.codec import Codec, Knob, listing, make
from hypress.codec import names as codec_names
from hypress.errors import ConfigurationError, GoalError, MissingExtraError, UnknownCodecError
from hypress.goal import Goal, Lossless, MaxError, Psnr, Rate, RelativeError, SpectralAngle, keeps, turn
from hypress.metrics import Tally, bpppc
from hypress.once import once

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENTRY_POINTS = "hypress.contenders"
"""Packages put a `Contender` of their own on the table through this group."""

Settings = dict[str, Any]
"""How a contender was set to keep a goal on one scene, in JSON values: enough to encode again without searching."""
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Met:
    """A goal met: how, and the bytes."""

    settings: Settings
    data: bytes


class Contender(ABC):
    """A codec on the table. Instances are immutable, picklable and cheap to make."""

    family: ClassVar[str] = "peer"
    """`hypress`, `peer` or `external`."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name on the table."""

    @property
    def configuration(self) -> Settings:
        """All that was chosen about it beforehand, in JSON values."""
        return {}

    @abstractmethod
    def version(self) -> str:
        """Name and version of what codes. Raises MissingExtraError where that is not installed."""

    @abstractmethod
    def meet(self, samples: NDArray[Any], goal: Goal) -> Met:
        """Code `samples`, integers `(band, y, x)`, so that `goal` is kept. Raises GoalError where it cannot be."""

    @abstractmethod
    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """Code as `meet` found to be right, without searching: what is timed."""

    @abstractmethod
    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Samples of that shape and type."""

    def streams(self, data: bytes) -> dict[str, int]:
        """Where the bytes went."""
        return {"data": len(data)}

    def weights(self) -> dict[str, str]:
        """Hash of each file of trained weights that it needs, by name; as the files are known by."""
        return {}


# --- ours -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Own(Contender):
    """A codec of hypress, or one registered with it, set as its fields say."""

    family: ClassVar[str] = "hypress"
    codec: str
    fields: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The codec, and the fields that differ from its defaults."""
        return _label(self.codec, dict(self.fields))

    @property
    def configuration(self) -> Settings:
        """Codec and fields."""
        return {"codec": self.codec, **dict(self.fields)}

    def version(self) -> str:
        """hypress and the codec's bitstream."""
        from hypress.version import __version__

        return f"hypress {__version__}, {self.codec} bitstream {self._codec.bitstream}"

    @property
    def _codec(self) -> Codec:
        return make(self.codec, dict(self.fields), strict=False)

    def meet(self, samples: NDArray[Any], goal: Goal) -> Met:
        """As `hypress.encode` does."""
        from hypress.codestream import inspect
        from hypress.goal import goal_to_dict
        from hypress.tile import encode

        codec = self._codec
        if not keeps(codec, goal):  # said here, without looking through all codecs for those that can
            raise GoalError(f"{self.name} cannot keep {goal}")
        data = encode(samples, codec, goal)
        header = inspect(data)
        found = make(header.codec, header.configuration)
        searched = isinstance(goal, Psnr | Rate | SpectralAngle) and found.embedded is None
        return Met(
            {"fields": found.configuration(), "goal": None if searched else goal_to_dict(goal)},
            data,
        )

    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """`hypress.encode`, which decodes what it wrote to check it: that is in its time too."""
        from hypress.goal import goal_from_dict
        from hypress.tile import encode

        goal = None if settings["goal"] is None else goal_from_dict(settings["goal"])
        return encode(samples, make(self.codec, settings["fields"]), goal)

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """`hypress.decode`."""
        from hypress.restore import decode

        return decode(data)

    def streams(self, data: bytes) -> dict[str, int]:
        """The codec's streams, and the header."""
        from hypress.codestream import measure
        from hypress.jobs.report import stream_sizes

        return stream_sizes(*measure(data))

    def weights(self) -> dict[str, str]:
        """Of trained codecs, which have a field `weights`."""
        name = self._codec.configuration().get("weights")
        if not isinstance(name, str):
            return {}
        from hypress.neural import pretrained

        return {name: pretrained.find(name, self.codec).digest.hex()}


# --- others ---------------------------------------------------------------------------------------


class Tuned(Contender):
    """A contender without goals of its own: it says how to be lossless, how to bound errors, and which knob to turn."""

    knob: ClassVar[Knob | None] = None
    """Its settings have this one field, where it is turned; larger costs more. See `hypress.codec.Knob`."""

    def lossless(self) -> Settings | None:
        """Settings that lose nothing, if it has such."""
        return self.within(0)

    def within(self, dn: int) -> Settings | None:
        """Settings under which no sample is off by more than `dn`, if it has such."""
        return None

    def meet(self, samples: NDArray[Any], goal: Goal) -> Met:
        """By what it promises itself, or by turning its knob until the measured figure is right."""
        if isinstance(goal, Lossless | MaxError):
            settings = self.lossless() if isinstance(goal, Lossless) else self.within(int(goal.dn))
            if settings is None:
                raise GoalError(f"{self.name} has no form that keeps {goal}")
            return Met(settings, self.encode(samples, settings))
        if self.knob is None or isinstance(goal, RelativeError):
            raise GoalError(f"{self.name} cannot keep {goal}")
        field_name = self.knob.field

        def attempt(value: float) -> _Attempt:
            settings = {field_name: value}
            return _Attempt(self, samples, settings, self.encode(samples, settings))

        best, kept = turn(self.knob, _aim(goal, samples), attempt)
        if not kept:
            raise GoalError(f"{self.name} cannot reach {goal} here: the nearest is {best.bpppc:.4g} bits per sample")
        return Met(best.settings, best.data)


@dataclass
class _Attempt:
    """One setting of the knob tried."""

    contender: Contender
    samples: NDArray[Any]
    settings: Settings
    data: bytes = field(repr=False)

    @property
    def bpppc(self) -> float:
        return bpppc(len(self.data), self.samples.shape)

    @once
    def tally(self) -> Tally:
        shape: Shape = self.samples.shape  # type: ignore[assignment]
        return Tally.of(self.samples, self.contender.decode(self.data, shape, self.samples.dtype))


def _aim(goal: Psnr | Rate | SpectralAngle, samples: NDArray[Any]) -> Any:
    """The aim that ours are given, with rates that fall a little short of it accepted: steps of others are coarser."""
    from dataclasses import replace

    from hypress.attempt import Job
    from hypress.goal import bits_scale
    from hypress.tile import aim_of

    aim = aim_of(goal, Job.of(samples, None))
    return replace(aim, low=bits_scale(0.98 * goal.bpppc)) if isinstance(goal, Rate) else aim


def to_type(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Decoded numbers as samples: rounded, and clipped to the type's range."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


# --- who there is ---------------------------------------------------------------------------------

VARIANTS: dict[str, tuple[Settings, ...]] = {"jpeg": ({"bits": 8}, {"bits": 12}), "ccsds122": ({}, {"spectral": "iwt"})}
"""Codecs of which the default matrix shows more than the default."""
SLOW = {"gnn", "siren"}
"""Codecs that fit a network to every scene, for minutes: named where they are wanted."""


def default_contenders() -> list[Contender]:
    """Every codec of ours that is quick, and every peer, installed or not: what is missing becomes a row."""
    from hypress.bench.peers import PEERS

    ours = [
        Own(name, tuple(fields.items()))
        for name in codec_names()
        if name not in SLOW
        for fields in VARIANTS.get(name, ({},))
    ]
    return [*ours, *PEERS.values(), *(point.load()() for point in _registered().values())]


def find_contender(text: str) -> Contender:
    """A contender from what a user writes: `NAME`, `NAME:field=value,field=value`, or a TOML file (see `outside`).

    Raises UnknownCodecError, ConfigurationError, InputNotFoundError.
    """
    from hypress.bench.peers import PEERS

    if text.endswith(".toml"):
        from hypress.bench.outside import read_contender

        return read_contender(Path(text))
    name, _, rest = text.partition(":")
    fields: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ConfigurationError(f"a contender is NAME or NAME:field=value,field=value, not {text!r}")
        fields[key.strip()] = value.strip()
    if name in PEERS or name in _registered():
        if fields:
            raise ConfigurationError(f"{name} has no fields to set")
        return PEERS[name] if name in PEERS else _registered()[name].load()()
    if name not in codec_names():
        others = ", ".join([*PEERS, *_registered()])
        raise UnknownCodecError(
            f"no contender named {name!r}; codecs: {', '.join(codec_names())}; peers: {others}; or a .toml file"
        )
    return Own(name, tuple(_typed(name, fields).items()))


def _typed(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields given as text, as the values that they stand for."""
    if not fields:
        return {}
    try:
        configured = make(name, fields, strict=False).configuration()
    except MissingExtraError:
        return fields
    return {key: configured[key] for key in fields}


@cache
def _registered() -> dict[str, Any]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _label(name: str, fields: dict[str, Any]) -> str:
    return name + "".join(f", {key}={value}" for key, value in fields.items())


def extra_of(contender: Contender) -> str | None:
    """The extra that a codec of ours needs, if any."""
    return listing(contender.codec).needs if isinstance(contender, Own) else None
