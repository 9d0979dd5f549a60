"""Near-lossless: the smaller of two ways to keep a maximum error, which lose to each other from scene to scene.

samples ─┬─► `rls`, prediction sample by sample, the loop closed around the quantiser ──┬─► the smaller one's streams
         └─► `pca_jpeg2000`, components as a predictor whose error is coded ────────────┘
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Spec
from hypress.codecs.pca_jpeg2000 import PcaJpeg2000
from hypress.codecs.rls import Rls
from hypress.errors import CodestreamError
from hypress.jpeg2000.layout import MAX_SIZE

MOST = 32767


@dataclasses.dataclass(frozen=True)
class Bounded(Codec):
    """No sample is off by more than a limit: prediction or components, whichever is smaller on these samples."""

    name: ClassVar[str] = "bounded"

    max_error_dn: Annotated[int, Meta(ge=0, le=MOST)] = 0
    """No sample is off by more; 0 is lossless."""

    def max_error(self) -> int:
        """The field `max_error_dn`."""
        return self.max_error_dn

    def with_max_error(self, dn: int) -> Self:
        """This recipe with that limit."""
        return self.turned(max_error_dn=min(dn, MOST))

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """A limit at which either may win."""
        return [cls(max_error_dn=3)]

    def _ways(self) -> list[Codec]:
        return [Rls(effort="high", max_error_dn=self.max_error_dn), PcaJpeg2000(max_error_dn=self.max_error_dn)]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The streams of the smaller way, their names preceded by its name and a dot."""
        ways = self._ways() if max(samples.shape[1:]) <= MAX_SIZE else self._ways()[:1]  # JPEG 2000 has a largest image
        found = [{f"{w.name}.{stream}": data for stream, data in w.encode(samples, spec).items()} for w in ways]
        return min(found, key=lambda streams: sum(map(len, streams.values())))

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The samples, within the limit of error."""
        for way in self._ways():
            if all(stream.startswith(f"{way.name}.") for stream in streams):
                return way.decode({stream.removeprefix(f"{way.name}."): streams[stream] for stream in streams}, spec)
        raise CodestreamError(f"bounded needs the streams of rls or of pca_jpeg2000, not {sorted(streams)}")
