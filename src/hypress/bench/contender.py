"""What takes part in the benchmark: a contender turns samples into bytes and back, and knows how it meets a goal.

`ours` go through the public `hypress.encode`, exactly as a user's scene does. Everyone else's (`peers`, `outside`) are
handed the same integers; where a codec has no notion of a goal, it is `tuned`. `entrants` knows them all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hypress.goal import Goal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
