"""Coded order (5.4.2) as the kernels are told it, and the error limits that travel with the samples."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from hypress.ccsds123.parameters import ErrorLimits, Parameters


class Limits:
    """Error limits of each period as one row: the absolute, then the relative ones."""

    def __init__(self, p: Parameters) -> None:
        kinds = [limits for limits in (p.absolute, p.relative) if limits is not None and p.period is not None]
        counts = [p.bands if kind.dependent else 1 for kind in kinds]
        self.values: NDArray[np.int64] = np.zeros((p.periods, sum(counts)), np.int64)
        if all(kind.values for kind in kinds):
            self.values[...] = np.concatenate([self.values[:, :0], *(kind.values for kind in kinds)], axis=1)
        self.widths: NDArray[np.int64] = np.repeat([kind.bits for kind in kinds], counts).astype(np.int64)
        sequential = p.depth is None
        rows_in_period = 0 if p.period is None else 1 << p.period
        self.order = (p.pixels if sequential else p.shape[2], p.depth or 1, rows_in_period)
        """Pixels of a chunk, bands of a group, and chunks of a period (0: limits are not here)."""

    @property
    def bits(self) -> int:
        """What all of them take."""
        return int(self.widths.sum()) * len(self.values)

    def put_into(self, p: Parameters) -> Parameters:
        """The parameters with these limits, as read from a body."""
        if p.period is None:
            return p
        split = 0 if p.absolute is None else p.bands if p.absolute.dependent else 1

        def taken(limits: ErrorLimits | None, values: NDArray[np.int64]) -> ErrorLimits | None:
            rows = tuple(tuple(row) for row in values.tolist())
            return None if limits is None else dataclasses.replace(limits, values=rows)

        absolute, relative = taken(p.absolute, self.values[:, :split]), taken(p.relative, self.values[:, split:])
        return dataclasses.replace(p, absolute=absolute, relative=relative)
