"""From components to coded blocks and a codestream: the encoder's stages in their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypress.errors import ConfigurationError
from hypress.jpeg2000 import markers, tier1
from hypress.jpeg2000.blocks import Blocks
from hypress.jpeg2000.cut import Coded
from hypress.jpeg2000.layout import HH, HL, LH, MAX_SIZE, Layout, layout
from hypress.jpeg2000.markers import Header
from hypress.jpeg2000.quantise import quantise, signalled_step
from hypress.transforms import dwt

MAX_BITS_REVERSIBLE = 26  # so that no 5/3 coefficient outgrows 30 bits
MAX_ENCODER_LEVELS = 15  # a line of 32768 samples bears no more


def code_blocks(
    components: ArrayLike,
    *,
    bits: int | None = None,
    signed: bool | None = None,
    reversible: bool,
    step: float = 1.0,
    levels: int = 5,
    code_block: int = 64,
) -> Coded:
    """Transform, quantise and code an image: all but the choice of what to keep (Annexes D to G).

    Args:
        components: `(component, y, x)`; integers, or for the irreversible path any real numbers.
        bits: precision that the codestream states for every component, the sign included; other decoders
            clip to it. None takes what the samples need. A step far above 1 may make it greater.
        signed: whether the stated precision has a sign. None: unless the dtype is an unsigned one.
        reversible: the 5/3 transform on integers, lossless if nothing is cut; otherwise the 9/7 transform
            and a quantiser.
        step: of the quantiser, as if the transform were orthonormal: kept in full, the stream has an error
            of about step² / 12 a sample. Not used when reversible.
        levels: wavelet splits, 0 to 15.
        code_block: height and width of code-blocks: 4, 8, 16, 32 or 64.

    Raises:
        ConfigurationError: an argument out of its range, samples beyond `bits` or not finite, or more
            bit-planes than the coder carries.
    """
    samples = np.asarray(components)
    _check_arguments(samples, reversible, step, levels, code_block)
    if signed is None:
        signed = samples.dtype.kind not in "ub"
    count, height, width = samples.shape
    bits = _precision(samples, bits, signed, MAX_BITS_REVERSIBLE if reversible else markers.MAX_BITS)
    places = layout(height, width, levels, code_block, code_block)
    norms = np.array(
        [
            dwt.subband_norm(
                places.shape, b.level, b.orientation >= LH, b.orientation in (HL, HH), reversible=reversible
            )
            for b in places.bands
        ]
    )
    signalled = [signalled_step(step / norm) for norm in norms] if not reversible else []
    if signalled:
        # No exponent of QCD may be negative, so a coarse step needs a wide nominal range.
        bits = max(bits, *(e - band.gain for (e, _), band in zip(signalled, places.bands, strict=True)))
        if max(bits + band.gain - e for (e, _), band in zip(signalled, places.bands, strict=True)) > 31:
            raise ConfigurationError(f"a step of {step} is too fine to be signalled: scale it and the samples up")
    sizes = np.array([2.0**e * (1 + m / 2048) for e, m in signalled] or [1.0] * len(norms))
    blocks = Blocks(count, len(places.blocks), samples.size)
    shift = 0 if signed else 1 << (bits - 1)
    fractions = np.zeros(len(places.bands), np.int64)
    plane = np.empty((height, width), np.int32)
    for c in range(count):
        if reversible:
            plane[:] = samples[c]
            plane -= np.int32(shift)
            dwt.forward(plane, levels, reversible=True)
        else:
            real = np.ascontiguousarray(samples[c], np.float64) - shift
            dwt.forward(real, levels, reversible=False)
            if not quantise(real, places.places, sizes, fractions, plane):
                raise ConfigurationError(f"a step of {step} is too fine for the range of component {c}")
            blocks.units[c] = 2.0 ** -fractions[places.blocks[:, 5]].astype(np.float64)
        blocks.code(c, plane, fractions, reversible, places.blocks)
    guard, steps = _guard_and_exponents(blocks, places, bits, signalled)
    header = Header(samples.shape, bits, signed, levels, (code_block, code_block), reversible, guard, steps)
    return Coded(header, places, blocks, (norms * sizes) ** 2)


def _check_arguments(samples: NDArray[Any], reversible: bool, step: float, levels: int, code_block: int) -> None:
    if samples.ndim != 3 or samples.size == 0:
        raise ConfigurationError(f"components of shape (component, y, x) are needed, not {samples.shape}")
    if samples.shape[0] > markers.MAX_COMPONENTS or max(samples.shape[1:]) > MAX_SIZE:
        raise ConfigurationError(
            f"at most {markers.MAX_COMPONENTS} components of {MAX_SIZE} × {MAX_SIZE} are possible, not {samples.shape}"
        )
    if samples.dtype.kind not in ("biu" if reversible else "biuf"):
        raise ConfigurationError(f"the transform cannot take samples of type {samples.dtype}")
    if samples.dtype.kind == "f" and not np.isfinite(samples).all():
        raise ConfigurationError("samples must be finite")
    if not reversible and not (0 < step < 2.0**markers.MAX_BITS):
        raise ConfigurationError(f"a step must be positive and finite, not {step}")
    if not 0 <= levels <= MAX_ENCODER_LEVELS:
        raise ConfigurationError(f"levels go from 0 to {MAX_ENCODER_LEVELS}, not {levels}")
    if code_block not in (4, 8, 16, 32, 64):
        raise ConfigurationError(f"a code-block is 4, 8, 16, 32 or 64 wide, not {code_block}")


def _precision(samples: NDArray[Any], bits: int | None, signed: bool, most: int) -> int:
    """The stated precision, and the check that samples keep to it."""
    low, high = int(np.floor(samples.min())), int(np.ceil(samples.max()))
    if low < 0 and not signed:
        raise ConfigurationError(f"samples from {low} on are not unsigned")
    needed = max(max(high, 0).bit_length(), (-low - 1).bit_length() if low < 0 else 0) + signed
    bits = max(needed, 1) if bits is None else bits
    if not 1 <= bits <= most:
        raise ConfigurationError(f"a precision of {bits} bits is not in 1 to {most}")
    if needed > bits:
        raise ConfigurationError(f"samples from {low} to {high} do not fit {bits} bits, signed: {signed}")
    return bits


def _guard_and_exponents(
    blocks: Blocks, places: Layout, bits: int, signalled: list[tuple[int, int]]
) -> tuple[int, tuple[tuple[int, int], ...]]:
    """What QCD says, with as few empty bit-planes as it can."""
    needed = np.zeros(len(places.bands), np.int64)
    np.maximum.at(needed, places.blocks[:, 5], blocks.planes.max(axis=0))
    if needed.max() > tier1.MAX_PLANES:
        raise ConfigurationError(f"samples need more than {tier1.MAX_PLANES} bit-planes")
    if not signalled:
        return 1, tuple((int(planes), 0) for planes in needed)
    steps = [(bits + band.gain - e, m) for (e, m), band in zip(signalled, places.bands, strict=True)]
    exponents = np.array([exponent for exponent, _ in steps])
    guard = max(int((needed - exponents).max()) + 1, int(exponents.min() == 0))
    if guard > 7:
        raise ConfigurationError("the step is too fine for the stated precision")
    return max(guard, 0), tuple(steps)


def encode(
    components: ArrayLike,
    *,
    bits: int | None = None,
    signed: bool | None = None,
    reversible: bool,
    step: float | None = None,
    max_bytes: int | None = None,
    max_mse: float | None = None,
    levels: int = 5,
    code_block: int = 64,
) -> bytes:
    """Compress an image to a codestream: `code_blocks` and `Coded.cut` in one.

    Args:
        components: see `code_blocks`; as are bits, signed, reversible, step, levels and code_block.
        bits: see there.
        signed: see there.
        reversible: see there.
        step: see there. None: two times the root of `max_mse`, fine enough to lose nothing by it, or 1.
        max_bytes: upper bound on the codestream's length.
        max_mse: bound on the expected mean squared error.
        levels: see there.
        code_block: see there.

    Raises:
        ConfigurationError: as `code_blocks` and `Coded.choose` do.
    """
    if step is None:
        step = 1.0 if max_mse is None else 2.0 * max(max_mse, 0.0) ** 0.5
    coded = code_blocks(
        components,
        bits=bits,
        signed=signed,
        reversible=reversible,
        step=step,
        levels=levels,
        code_block=code_block,
    )
    error = None if max_mse is None else max_mse * float(np.prod(coded.header.shape))
    return coded.cut(max_bytes=max_bytes, max_squared_error=error)
