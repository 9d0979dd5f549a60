"""Reading the beginning only: how much of an embedded codestream a rate or a quality needs, and the rest left out.

header ─► goal ─► bytes of the last stream ─► read up to the next mark ─► verified ─► a shorter codestream
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypress.codec import find
from hypress.codestream import Header, measure, shortened, span
from hypress.errors import CodestreamError, GoalError

if TYPE_CHECKING:
    from hypress.goal import Psnr, Rate

HEAD_BYTES = 1 << 12
"""Read first: most headers end within."""


def cut(data: bytes, goal: Rate | Psnr) -> bytes:
    """The codestream with no more of its embedded stream than the goal needs: it decodes like any other.

    `data` may end where `needed` says. A rate counts the codestream up to where it is cut. A PSNR is met by the first
    of the codestream's marks, an octave apart, at which it was measured. Raises GoalError where the codec is not
    embedded or the file holds less than was asked for, and CodestreamError.
    """
    header, end = measure(data)
    return data if header.levels is None else shortened(data, _size(header, end, goal))


def needed(head: bytes, goal: Rate | Psnr) -> int | None:
    """From a codestream's first bytes, how many it takes to `cut` it; None where not even its header is whole."""
    try:
        header, end = measure(head)
    except CodestreamError:  # a longer header than most, or damage
        return None
    if header.levels is None:
        return end
    return end - header.streams[-1].size + span(header, _size(header, end, goal))


def _size(header: Header, end: int, goal: Rate | Psnr) -> int:
    """Bytes of the last stream that the goal needs."""
    from hypress.goal import Rate

    embedded = find(header.codec).embedded
    if embedded is None:
        raise GoalError(f"this is coded by {header.codec}, whose streams are not embedded: it can only be read whole")
    if not header.streams or header.streams[-1].name != embedded:
        raise CodestreamError(f"codec {header.codec} puts its stream {embedded!r} last; this codestream does not")
    last = header.streams[-1].size
    if isinstance(goal, Rate):
        return max(0, min(last, int(goal.bpppc * header.samples / 8) - (end - last)))
    if header.embedded is None or not header.embedded.marks:
        return last
    top = 20 * math.log10(goal.peak or header.embedded.peak)
    best = math.inf
    for mark in header.embedded.marks:
        if mark.error_cdb is None or top - mark.error_cdb / 100 >= goal.db:
            return mark.size
        best = top - mark.error_cdb / 100
    raise GoalError(f"{goal} is out of reach: the codestream holds {best:.2f} dB")
