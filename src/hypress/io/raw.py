"""Windows of a plain cube in a file, whatever the order of its axes: BSQ, BIL, BIP, C and Fortran order.

Nothing is mapped into memory: mapped pages count as memory used. A window is read as contiguous runs; runs
with small gaps between them are read as one and picked apart, since a seek costs as much as reading through
a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import RawIOBase
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from hypress.errors import ReadError
from hypress.io.lazy import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAP = 32 * 1024
"""Gaps of up to so many bytes are read through."""
SPAN = 8 * 1024 * 1024
"""At most so many bytes are read at once for picking apart."""


class _Axis(NamedTuple):
    stride: int  # bytes from one index to the next
    first: int
    number: int
    step: int


@dataclass(frozen=True)
class RawCube(Source):
    """A cube that lies uncompressed in a file."""

    offset: int
    """Bytes before the first sample."""
    order: tuple[int, int, int]
    """Axes of `(band, y, x)` as they lie in the file, slowest first: BSQ is (0, 1, 2), BIL (1, 0, 2)."""
    swapped: bool
    """Samples are in the other byte order than this machine's."""

    def read(self, bands: slice, rows: slice, cols: slice) -> NDArray[Any]:
        """The window as `(band, y, x)`."""
        asked = (bands, rows, cols)
        axes: list[_Axis] = []
        stride = self.dtype.itemsize
        for axis in reversed(self.order):
            window = range(*asked[axis].indices(self.shape[axis]))
            axes.insert(0, _Axis(stride, window.start, len(window), window.step))
            stride *= self.shape[axis]
        out = np.empty([axis.number for axis in axes], self.dtype)
        if out.size:
            buffer: Any = out.reshape(-1).view(np.uint8)
            try:
                with open(self.path, "rb", buffering=0) as file:
                    _fill(file, self.offset, _merged(axes, self.dtype.itemsize), memoryview(buffer))
            except (OSError, EOFError) as error:
                raise ReadError(f"{self.path}: {error}") from error
        if self.swapped:
            out.byteswap(inplace=True)
        return out.transpose(np.argsort(self.order))


def _merged(axes: list[_Axis], itemsize: int) -> list[_Axis]:
    """The same samples with fewer axes: whatever is contiguous becomes one axis of bytes."""
    start, run = 0, itemsize
    rest = list(axes)
    while rest and rest[-1].step == 1 and rest[-1].stride == run:
        axis = rest.pop()
        start, run = start + axis.first * axis.stride, axis.number * axis.stride
    return [*rest, _Axis(1, start, run, 1)]


def _fill(file: RawIOBase | Any, base: int, axes: list[_Axis], out: memoryview) -> None:
    """Read the bytes that the axes describe into `out`, which they fill exactly."""
    outer, *inner = axes
    base += outer.first * outer.stride
    if not inner:
        _read_into(file, base, out)
        return
    hop = outer.step * outer.stride
    extent = sum((axis.number - 1) * axis.step * axis.stride for axis in inner) + 1  # the last axis counts bytes
    lead = sum(axis.first * axis.stride for axis in inner)
    size = len(out) // outer.number
    if extent > SPAN or hop - extent > GAP or hop - size > max(GAP, 8 * size):
        for index in range(outer.number):
            part = out[index * size : (index + 1) * size]
            _fill(file, base + index * hop, inner, part)
        return
    many = max(1, SPAN // hop)
    for first in range(0, outer.number, many):
        count = min(many, outer.number - first)
        span: Any = np.empty((count - 1) * hop + extent, np.uint8)
        _read_into(file, base + first * hop + lead, memoryview(span))
        picked = as_strided(
            span,
            shape=(count, *(axis.number for axis in inner)),
            strides=(hop, *(axis.step * axis.stride for axis in inner)),
            writeable=False,
        )
        into = np.frombuffer(out[first * size : (first + count) * size], np.uint8)
        into.reshape(picked.shape)[...] = picked


def _read_into(file: RawIOBase | Any, at: int, out: memoryview) -> None:
    file.seek(at)
    done = 0
    while done < len(out):
        got = file.readinto(out[done:])
        if not got:
            raise EOFError(f"the file ends at byte {at + done}, but samples are expected up to byte {at + len(out)}")
        done += got
