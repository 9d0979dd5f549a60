"""Tier 1: the kernels equal the readable reference, byte for byte and cut for cut; so does the rate allocation."""

from itertools import pairwise

import numpy as np
import pytest

from hypress.entropy import mq
from hypress.jpeg2000 import rate, reference, tier1_decode
from hypress.jpeg2000.blocks import Blocks
from hypress.jpeg2000.reference import HH, HL, LH, LL

SIZES = [(1, 1), (1, 7), (5, 1), (2, 3), (3, 9), (4, 4), (5, 6), (8, 8), (13, 11), (17, 20), (6, 64)]


def sparse(rng, shape):
    return np.where(rng.random(shape) < 0.06, rng.integers(-300, 301, shape), 0)


def dense(rng, shape):
    return rng.integers(-(1 << 9), 1 << 9, shape)


def peaked(rng, shape):
    """As a subband has them: most small, few large, and these together."""
    strength = 40 * np.abs(np.sin(np.arange(shape[1]) / 3 + rng.random()))
    return np.round(rng.laplace(0, 1, shape) * strength).astype(int)


def signs(rng, shape):
    return rng.choice([-1, 1], shape)


def large(rng, shape):
    """Of all 30 bit-planes."""
    return rng.integers(-(1 << 30) + 1, 1 << 30, shape) >> rng.integers(0, 30, shape)


KINDS = [sparse, dense, peaked, signs, large]


def table(shape, orientation):
    """A component of one block."""
    blocks = np.array([[0, 0, *shape, orientation, 0]])
    blocks.flags.writeable = False
    return blocks


def kernel_encode(samples, orientation, fraction=0, exact=True):
    """The segment after each pass, as packets have it; the squared error each saves; the energy."""
    coded = Blocks(1, 1, samples.size)
    coded.code(0, samples.astype(np.int32), np.array([fraction]), exact, table(samples.shape, orientation))
    start, segments = coded.starts[0, 0], []
    for length, end in zip(coded.lengths[: coded.passes], coded.ends[: coded.passes].tolist(), strict=True):
        tail = end.to_bytes(4, "little")
        kept = coded.body[start : start + length - tail[3]].tobytes()
        segments.append(kept + tail[: tail[3]])
        assert len(segments[-1]) == length
    assert len(segments) == max(3 * coded.planes[0, 0] - 2, 0)
    return segments, coded.gains[: coded.passes], coded.energies[0, 0]


def kernel_decode(segment, shape, orientation, planes, passes):
    plane = np.empty(shape, np.int32)
    data = np.frombuffer(segment or b"\0", np.uint8)
    numbers = (np.array([n]) for n in (0, len(segment), planes, passes))
    tier1_decode.decode_plane(data, table(shape, orientation), *numbers, plane)
    return plane


def check(samples, orientation, every=1):
    """The encoders against each other at every cut, the decoders against what they say; the slow one at some."""
    shape, planes = samples.shape, int(abs(samples).max()).bit_length()
    cuts = reference.encode(samples, orientation)
    segments, _, _ = kernel_encode(samples, orientation)
    assert segments == [segment for segment, _ in cuts]
    for k, (segment, rebuilt) in enumerate(cuts, 1):
        np.testing.assert_array_equal(kernel_decode(segment, shape, orientation, planes, k), rebuilt)
        if (len(cuts) - k) % every == 0:
            np.testing.assert_array_equal(reference.decode(segment, shape, orientation, planes, k), rebuilt)
    if cuts:
        last = cuts[-1][1]
        np.testing.assert_array_equal(np.sign(last) * (abs(last) >> 1), samples)


@pytest.mark.parametrize("orientation", [LL, HL, LH, HH])
@pytest.mark.parametrize("kind", KINDS)
def test_kernels_are_the_reference_at_every_cut(kind, orientation):
    rng = np.random.default_rng(orientation)
    for shape in SIZES:
        check(kind(rng, shape), orientation, every=1 if np.prod(shape) < 40 else 30)


@pytest.mark.parametrize(
    ("shape", "kind", "orientation"),
    [
        ((64, 64), sparse, LL),
        ((64, 64), peaked, HH),
        ((33, 61), dense, HL),
        ((64, 63), peaked, LH),
        ((31, 64), large, HH),
        ((4, 300), peaked, HL),
        ((258, 2), dense, LL),
    ],
)
def test_kernels_are_the_reference_on_large_blocks(shape, kind, orientation):
    check(kind(np.random.default_rng(0), shape), orientation, every=100)


def test_nothing_but_zeros_has_no_passes():
    samples = np.zeros((5, 9), int)
    assert reference.encode(samples, LL) == kernel_encode(samples, LL)[0] == []
    for decode in (reference.decode, kernel_decode):
        assert not decode(b"", samples.shape, LL, 3, 0).any()


def test_any_bytes_decode_alike():
    rng = np.random.default_rng(0)
    for trial in range(150):
        shape, orientation = (int(rng.integers(1, 12)), int(rng.integers(1, 12))), trial % 4
        planes = int(rng.integers(1, 13))
        passes = int(rng.integers(1, 3 * planes - 1))
        size = int(rng.integers(0, 100))
        segment = rng.choice([0, 0x7F, 0x8F, 0x90, 0xFF, *rng.integers(0, 256, trial)], size).astype(np.uint8).tobytes()
        decoded = reference.decode(segment, shape, orientation, planes, passes)
        np.testing.assert_array_equal(kernel_decode(segment, shape, orientation, planes, passes), decoded)


@pytest.mark.parametrize(("fraction", "exact"), [(0, True), (0, False), (3, False)])
@pytest.mark.parametrize("kind", [sparse, dense, peaked])
def test_each_pass_saves_the_squared_error_that_it_says(kind, fraction, exact):
    samples = kind(np.random.default_rng(1), (19, 14))
    coded = np.sign(samples) * (abs(samples) >> fraction)
    cuts = reference.encode(coded, LH)
    segments, gains, energy = kernel_encode(samples, LH, fraction, exact)
    assert segments == [segment for segment, _ in cuts]
    assert energy == np.sum(samples**2)
    left = [float(energy)]
    for _, doubled in cuts:
        rebuilt = np.sign(doubled) * (abs(doubled) >> 1) if exact else doubled / 2
        left.append(np.sum((samples - rebuilt * 2**fraction) ** 2))
    assert gains.tolist() == [before - after for before, after in pairwise(left)]
    assert left[-1] == 0 or not exact


def test_every_segment_ends_alike():
    rng = np.random.default_rng(3)
    dropped = 0
    for _ in range(5000):
        coder = reference.MQEncoder()
        coder.data, coder.BP = bytearray((0, int(rng.choice([0, 0x7E, 0x7F, 0xFE, 0xFF])))), 1
        coder.CT = int(rng.integers(1, 9 if coder.data[1] < 0xFF else 8))
        coder.A = int(rng.integers(0x8000, 0x10000))
        # Anywhere, or about to carry; or with the carry there, for which 0xFF leaves room in the byte after it.
        low = rng.choice([rng.integers(1 << 27), (1 << 27) - rng.integers(1 << 24), (1 << 27) + rng.integers(1 << 23)])
        coder.C = int(low) >> coder.CT
        tail, count = mq.shortest_end(coder.A, coder.C, coder.CT, coder.data[1])
        assert coder.segment() == tail.to_bytes(4, "little")[:count]
        dropped += count == 0
    assert dropped > 20


def test_the_tables_of_the_arithmetic_coder_agree():
    for state, (qe, after_mps, after_lps) in enumerate(zip(reference.QE, reference.NMPS, reference.NLPS, strict=True)):
        for mps in (0, 1):
            word = int(mq.TRANSITIONS[2 * state + mps])
            assert (word & 0x7FFF, word >> 15 & 1) == (qe, mps)
            assert divmod(word >> 16 & 0xFF, 2) == (after_mps, mps)
            assert divmod(word >> 24, 2) == (after_lps, 1 - mps if state in reference.SWITCH else mps)


def hull(lengths, saved, overhead):
    """From nothing, again and again the cut that saves most per byte from there; of equals the last."""
    slopes, here, bytes_here, saved_here = [0.0] * len(saved), -1, 0.0, 0.0
    while here < len(saved) - 1:
        rises = [(saved[k] - saved_here) / (lengths[k] + overhead - bytes_here) for k in range(here + 1, len(saved))]
        best = max(rises)
        if best <= 0:
            break
        here += len(rises) - rises[::-1].index(best)
        slopes[here], bytes_here, saved_here = best, lengths[here] + overhead, saved[here]
    return slopes


def test_the_cuts_worth_having_are_those_on_the_hull():
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 40, 60)
    firsts = np.cumsum(counts) - counts
    weights, overheads = rng.uniform(0.5, 2, 60), rng.uniform(1, 3, 60)
    lengths = np.concatenate([np.cumsum(rng.integers(1, 30, n)) for n in counts]).astype(np.int32)
    gains = rng.normal(1, 1, lengths.size) * 100 / (1 + lengths)
    saved, slopes = gains.copy(), np.zeros(lengths.size)
    rate.hull_slopes(counts, firsts, weights, overheads, lengths, saved, slopes)
    for first, n, weight, overhead in zip(firsts, counts, weights, overheads, strict=True):
        of = slice(first, first + n)
        np.testing.assert_allclose(saved[of], np.cumsum(gains[of] * weight))
        np.testing.assert_allclose(slopes[of], hull(lengths[of].tolist(), saved[of].tolist(), overhead))
    assert 0 < np.count_nonzero(slopes) < np.count_nonzero(gains > 0)
