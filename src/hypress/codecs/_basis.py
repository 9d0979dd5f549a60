"""The stream of a quantised KLT basis, as the codecs here store it."""

from __future__ import annotations

import struct

from hypress.entropy.integers import decode_array, encode_array
from hypress.errors import CodestreamError
from hypress.transforms.allocation import LEAST_LEVEL, Plan
from hypress.transforms.pca import Basis

HEAD = struct.Struct(">IIH")
"""The step of the means in 65536ths, that of the components in sixteenths, and their number."""
COARSENINGS = 40
"""How often, at most, the step is doubled where a budget is too small for the means alone."""


def basis_within(chosen: Plan, budget: int) -> tuple[Plan, Basis, bytes]:
    """The basis that a plan asks for, and its stream, in at most `budget` bytes if it can be; and the plan it is of."""
    chosen = chosen.at(max(chosen.level, LEAST_LEVEL))
    for _ in range(COARSENINGS):
        basis = chosen.basis()
        head = write_basis(basis)
        if len(head) <= budget:
            break
        chosen = chosen.at(chosen.level * 4)
    return chosen, basis, head


def write_basis(basis: Basis, step16: int = 16) -> bytes:
    """The basis, and a step for its components in sixteenths."""
    return HEAD.pack(basis.mean_step, step16, basis.components) + encode_array(basis.integers)


def read_basis(data: bytes, bands: int) -> tuple[Basis, int]:
    """What `write_basis` wrote for so many bands. Raises CodestreamError."""
    if len(data) < HEAD.size:
        raise CodestreamError("the stream of the basis is cut short")
    mean_step, step16, count = HEAD.unpack_from(data)
    if count > bands:
        raise CodestreamError(f"the stream of the basis has {count} components for {bands} bands")
    return Basis(decode_array(data[HEAD.size :], (1 + count, bands)), mean_step), step16
