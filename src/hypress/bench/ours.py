"""Codecs of hypress as contenders: through the public `hypress.encode`, exactly as a user's scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hypress.bench.contender import Contender, Met, Settings, Shape
from hypress.codec import Codec, listing, make
from hypress.errors import GoalError
from hypress.goal import Goal, Psnr, Rate, SpectralAngle, keeps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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


def _label(name: str, fields: dict[str, Any]) -> str:
    return name + "".join(f", {key}={value}" for key, value in fields.items())


def extra_of(contender: Contender) -> str | None:
    """The extra that a codec of ours needs, if any."""
    return listing(contender.codec).needs if isinstance(contender, Own) else None
