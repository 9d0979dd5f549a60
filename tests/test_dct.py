"""The block cosine transform against SciPy; its integer inverse; quantised blocks through the coder."""

import numpy as np
import pytest
import scipy.fft

from hypress.entropy import blocks
from hypress.entropy.blocks import decode_blocks, encode_blocks, integers_reference
from hypress.entropy.integers import encode_integer, model
from hypress.entropy.rangecoder import finish_encoder, start_encoder
from hypress.transforms import dct


@pytest.mark.parametrize("size", [1, 2, 4, 7, 8, 16, 32])
def test_it_is_the_one_of_scipy(size):
    images = np.random.default_rng(size).normal(0, 1000, (2, 3 * size, 2 * size))
    ours = dct.forward(images, size)
    for k, y, x in np.ndindex(2, 3, 2):
        block = images[k, y * size : (y + 1) * size, x * size : (x + 1) * size]
        assert np.abs(ours[k, y, x] - scipy.fft.dctn(block, norm="ortho")).max() < 1e-9
    assert np.abs(dct.inverse(ours, images.shape[1:]) - images).max() < 1e-9


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 8), (17, 5)])
def test_any_side_comes_back(shape):
    images = np.random.default_rng(0).normal(0, 100, (3, *shape))
    assert np.abs(dct.inverse(dct.forward(images, 8), shape) - images).max() < 1e-9


def test_the_integer_inverse_is_near_and_exact():
    random = np.random.default_rng(1)
    coefficients = random.integers(-20000, 20000, (2, 2, 2, 8, 8))
    exact = dct.inverse_exact(coefficients, (16, 16))
    assert np.abs(exact - dct.inverse(coefficients, (16, 16))).max() < 8  # 2⁻¹³ of 2¹⁴, in 64 terms
    small = random.integers(-200, 200, (2, 2, 2, 8, 8))
    assert np.abs(dct.inverse_exact(small, (16, 16)) - dct.inverse(small, (16, 16))).max() < 0.6
    # The sums are integers that float64 holds, so in Python's integers the same comes out.
    matrix = [[int(v) for v in row] for row in np.rint(dct.matrix(8) * (1 << dct.POINT))]
    block = coefficients[0, 0, 0].tolist()
    for y, x in ((0, 0), (3, 5), (7, 7)):
        total = sum(matrix[v][y] * block[v][u] * matrix[u][x] for v in range(8) for u in range(8))
        assert exact[0, y, x] == (total + (1 << 2 * dct.POINT - 1)) >> 2 * dct.POINT
    worst = np.full((1, 1, 1, 32, 32), 1 << 40)
    assert np.isfinite(dct.inverse_exact(worst, (32, 32))).all()


def test_zigzag():
    assert dct.zigzag(3).tolist() == [0, 1, 3, 6, 4, 2, 5, 7, 8]
    assert sorted(dct.zigzag(8).tolist()) == list(range(64))


def fading(shape, scale, seed=0):
    """Coefficients that fade towards high frequencies."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[3], : shape[4]]
    return np.rint(random.laplace(0, scale, shape) * np.exp(-0.4 * (x + y))).astype(np.int32)


@pytest.mark.parametrize("shape", [(1, 1, 1, 4, 4), (3, 5, 4, 8, 8), (2, 2, 3, 16, 16)])
@pytest.mark.parametrize("scale", [0.3, 20, 5000])
def test_blocks_come_back(shape, scale):
    values = fading(shape, scale)
    assert np.array_equal(decode_blocks(encode_blocks(values), shape), values)


def test_kernel_is_the_reference():
    values = fading((3, 4, 5, 8, 8), 4)
    state, out = start_encoder(), np.zeros(1 << 16, np.uint8)
    runs, levels = model(), model()
    for is_run, value, expected in integers_reference(values):
        chosen, limit = (runs, blocks.RUN_LIMIT) if is_run else (levels, blocks.LIMIT)
        encode_integer(state, out, chosen, value, expected, 0, limit)
    assert encode_blocks(values) == out[: finish_encoder(state, out)].tobytes()


def test_what_is_like_before_costs_less():
    same = np.repeat(fading((1, 8, 8, 8, 8), 6), 6, axis=0)
    apart = np.concatenate([fading((1, 8, 8, 8, 8), 6, seed) for seed in range(6)])
    assert len(encode_blocks(same)) < len(encode_blocks(apart))
    assert len(encode_blocks(np.zeros((50, 8, 8, 8, 8), np.int32))) < 40


def test_any_bytes_decode():
    random = np.random.default_rng(3)
    for size in (0, 1, 5, 300):
        for _ in range(20):
            decoded = decode_blocks(random.bytes(size), (2, 3, 3, 8, 8))
            assert np.abs(decoded).max() <= blocks.LARGEST
