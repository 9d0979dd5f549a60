"""JPEG 2000 at a budget of bytes, as the codecs here use it."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from hypress import jpeg2000

FINER = 0.25
"""Quantiser step, of the one expected at the rate: truncation does the rest."""
FINEST = 2.0**-5
"""Step below which integer samples gain nothing."""
SPENT = 0.99
"""Share of a budget below which a finer step is tried, should the expected one have been too coarse."""


def code_within(
    components: NDArray[Any], step: float, budget: int, **options: Any
) -> tuple[jpeg2000.Coded, jpeg2000.Cut]:
    """Code components `(component, y, x)` with the 9/7 transform, to be cut to at most `budget` bytes.

    `step` is the quantiser step that is expected to meet the budget by itself; it is not critical. Raises
    ConfigurationError where the budget is too small for the headers.
    """
    step *= FINER
    while True:
        coded = jpeg2000.code_blocks(components, reversible=False, step=step, **options)
        cut = coded.choose(max_bytes=budget)
        if cut.size >= SPENT * budget or step <= FINEST:
            return coded, cut
        step = max(step / 4, FINEST)
