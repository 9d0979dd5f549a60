"""Spectral wavelet packets, the coder of subbands, and the codec that is made of both."""

import math

import numpy as np
import pytest
import pywt

import hypress
from hypress.codec import Spec, find
from hypress.entropy import subbands
from hypress.entropy.integers import encode_integer, model
from hypress.entropy.rangecoder import contexts, encode_bit, finish_encoder, start_encoder
from hypress.entropy.subbands import LARGEST, decode_subbands, encode_subbands
from hypress.errors import CodestreamError
from hypress.metrics import Tally
from hypress.transforms import dwt3d, packets
from hypress.transforms.dwt3d import Levels

TREES = [(False,), (True, False, False), (True, True, False, False, True, False, False), packets.dyadic(37, 5)]


@pytest.mark.parametrize("tree", TREES, ids=str)
@pytest.mark.parametrize("reversible", [True, False])
def test_packets_are_undone(tree, reversible):
    cube = np.random.default_rng(0).integers(-5000, 5000, (37, 5, 6))
    given = cube.astype(np.int32 if reversible else np.float64)
    there = packets.forward(given.copy(), tree, reversible=reversible)
    back = packets.inverse(there.copy(), tree, reversible=reversible)
    assert np.abs(back - given).max() <= (0 if reversible else 1e-9)
    assert tree == (False,) or not np.array_equal(there, given)


def test_the_dyadic_tree_is_the_wavelet_transform():
    cube = np.random.default_rng(1).normal(0, 100, (37, 4, 4))
    ours = packets.forward(cube.copy(), packets.dyadic(37, 5), reversible=False)
    assert np.array_equal(ours, dwt3d.forward(cube.copy(), Levels(5, 0), reversible=False))


def test_full_packets_are_those_of_pywavelets():
    # PyWavelets knows the same filters under another name and sign of phase: energies of all runs must agree.
    signal = np.random.default_rng(2).normal(0, 1, 64)
    tree = (True, True, False, False, True, False, False)
    ours = packets.forward(signal[:, None, None].copy(), tree, reversible=False)[:, 0, 0]
    theirs = pywt.WaveletPacket(signal, "bior4.4", "periodization", 2)
    for (start, stop), path in zip(packets.runs(64, tree), ("aa", "ad", "da", "dd"), strict=True):
        norm = packets.norms(64, tree)[start]
        assert 0.5 < np.square(ours[start:stop] * norm).sum() / np.square(theirs[path].data).sum() < 2


@pytest.mark.parametrize("tree", [(), (True,), (True, False), (False, False), (True, True, False, False)])
def test_what_is_no_tree_is_refused(tree):
    with pytest.raises(CodestreamError, match="tree"):
        packets.runs(20, tree)
    with pytest.raises(CodestreamError, match="tree"):
        packets.runs(1, (True, False, False))


def test_norms_make_errors_alike():
    tree = packets.dyadic(40, 4)
    random = np.random.default_rng(3)
    noise = random.normal(0, 1, (40, 50, 50)) / packets.norms(40, tree)[:, None, None]
    assert math.isclose(packets.inverse(noise, tree, reversible=False).var(), 1.0, rel_tol=0.1)


def test_the_best_tree_follows_the_spectrum():
    bands = np.arange(64)
    smooth = np.exp(-(((bands - 30) / 20.0) ** 2))[:, None, None] * np.full((1, 8, 8), 1000.0)
    assert packets.best(smooth, 3, 4.0)[1] is True  # low halves are split again
    wave = np.cos(np.pi * 0.8 * bands)[:, None, None] * np.full((1, 8, 8), 1000.0)  # energy in the high half
    tree = packets.best(wave, 3, 4.0)
    assert len(packets.runs(64, tree)) > 3
    assert any(start >= 32 and stop < 64 for start, stop in packets.runs(64, tree))
    assert packets.best(np.random.default_rng(4).normal(0, 50, (16, 8, 8)), 0, 4.0) == (False,)


BOXES = np.array(
    [(0, 3, 0, 5, 0, 4, -1, -1, -1, -1), (0, 3, 0, 5, 4, 8, -1, -1, -1, -1), (0, 3, 5, 13, 8, 16, 0, 5, 4, 8)], np.int64
)


def sparse(seed, scale):
    random = np.random.default_rng(seed)
    cube = np.zeros((3, 13, 16), np.int32)
    for _, _, y0, y1, x0, x1, *_ in BOXES:
        where = (slice(None), slice(y0, y1), slice(x0, x1))
        cube[where] = np.rint(random.laplace(0, scale, cube[where].shape))
    return cube


@pytest.mark.parametrize("scale", [0, 0.2, 30, 1e6])
def test_subbands_come_back(scale):
    cube = sparse(0, scale)
    assert np.array_equal(decode_subbands(encode_subbands(cube, BOXES), cube.shape, BOXES), cube)


def test_a_plane_like_the_one_before_costs_less():
    boxes = np.array([(0, 8, 0, 32, 0, 32, -1, -1, -1, -1)], np.int64)
    random = np.random.default_rng(5)
    y, x = np.mgrid[:32, :32]
    alike = np.rint(random.laplace(0, 1, (8, 32, 32)) * np.where(x > y, 30, 0.3)).astype(np.int32)
    shuffled = random.permuted(alike.reshape(8, -1), axis=1).reshape(alike.shape)
    assert len(encode_subbands(alike, boxes)) < 0.9 * len(encode_subbands(shuffled, boxes))


def test_kernel_is_the_reference():
    cube = sparse(1, 3)
    cube[1, :5, 4:8] = 0  # a block of zeros
    state, out = start_encoder(), np.zeros(1 << 14, np.uint8)
    flags, levels = contexts(subbands.BLOCK_CONTEXTS), model()
    for is_block, value, known in subbands.events_reference(cube, BOXES):
        if is_block:
            encode_bit(state, out, flags, known, value, subbands.BLOCK_LIMIT)
        else:
            encode_integer(state, out, levels, value, known, 0, subbands.LIMIT)
    assert encode_subbands(cube, BOXES) == out[: finish_encoder(state, out)].tobytes()


def test_any_bytes_decode():
    random = np.random.default_rng(6)
    for size in (0, 1, 7, 500):
        for _ in range(20):
            assert np.abs(decode_subbands(random.bytes(size), (3, 13, 16), BOXES)).max() <= LARGEST


def scene(bands=40, rows=33, columns=47):
    random = np.random.default_rng(7)
    y, x = np.mgrid[:rows, :columns] / 9
    wave = np.linspace(0, 1, bands)[:, None, None]
    clean = 3000 + 900 * np.sin(3 * wave + x) * np.cos(y) + 500 * wave * (x > y)
    return np.clip(np.rint(clean + random.normal(0, 5, clean.shape)), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("rate", [0.2, 1.0, 4.0])
def test_rates_are_met_from_below(rate):
    samples = scene()
    data = hypress.encode(samples, "wavelet3d", hypress.Rate(bpppc=rate))
    assert 0.97 * rate < 8 * len(data) / samples.size <= rate


def test_it_is_above_set_partitioning():
    samples = scene(bands=60, rows=64, columns=64)
    ours, sets = (
        Tally.of(samples, hypress.decode(hypress.encode(samples, name, hypress.Rate(bpppc=0.5)))).psnr_db()
        for name in ("wavelet3d", "speck3d")
    )
    assert ours > sets
    assert len(hypress.encode(samples, "wavelet3d")) < len(hypress.encode(samples, "speck3d"))


@pytest.mark.parametrize("head", [b"", b"\0\0\0\0\0\\9", b"\0\0\1\0\0\2\xff", b"\0\0\1\0\xff\xff"])
def test_damaged_heads_are_refused(head):
    codec = find("wavelet3d")(rate_bpppc=1.0)
    spec = Spec((5, 9, 9), "uint16", 12)
    with pytest.raises(CodestreamError):
        codec.decode({"head": head, "coefficients": b"12345"}, spec)
