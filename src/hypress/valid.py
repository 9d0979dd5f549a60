"""Which of the samples that a codec is given are real.

Codecs see dense samples: what is nodata or NaN was filled in around them (`masks`). A codec that fits a network to the
scene may leave those out of its loss, and asks here which they are. Decoding never hangs on it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_valid: ContextVar[NDArray[np.bool_] | None] = ContextVar("valid", default=None)


@contextlib.contextmanager
def told(valid: NDArray[np.bool_] | None) -> Iterator[None]:
    """Let it be known, inside the block, which samples `(band, y, x)` of the scene being coded are real; None: all."""
    token = _valid.set(valid)
    try:
        yield
    finally:
        _valid.reset(token)


def valid_samples() -> NDArray[np.bool_] | None:
    """True `(band, y, x)` where a sample of the scene being coded is real; None where all are."""
    return _valid.get()
