"""Fixed point: exact whatever is switched, and as good as the floating point that it was made from."""

import os
import subprocess
import sys

import numpy as np
import pytest

from hypress.neural.fixedpoint import (
    ACTIVATION_BITS,
    LARGEST,
    LARGEST_WEIGHT,
    Convolution,
    apply,
    convolution,
    convolved_reference,
)

UNIT = 1 << ACTIVATION_BITS


def layer(random, outputs, inputs, kernel, **fields):
    weights = random.integers(-LARGEST_WEIGHT, LARGEST_WEIGHT + 1, (outputs, inputs, kernel, kernel))
    return Convolution(weights, random.integers(-(1 << 30), 1 << 30, outputs), **fields)


@pytest.mark.parametrize(("up", "kernel"), [(1, 1), (1, 3), (2, 3), (2, 5), (3, 3), (4, 9)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 7), (13, 2, 3)])
def test_the_kernel_is_the_reference(up, kernel, shape):
    random = np.random.default_rng(kernel)
    made = layer(random, 6, shape[0], kernel, up=up, rectified=kernel == 3)
    maps = random.integers(-LARGEST, LARGEST + 1, shape)
    assert np.array_equal(made(maps), convolved_reference(made, maps))


def test_it_is_the_transposed_convolution_of_torch():
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(1)
    net = torch.nn.ConvTranspose2d(5, 7, 5, 2, 2, output_padding=1)
    maps = random.integers(-4 * UNIT, 4 * UNIT, (5, 6, 4))
    weights, biases = (p.detach().numpy() for p in (net.weight, net.bias))
    made = convolution(weights.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1], biases, up=2)
    expected = net(torch.from_numpy(maps[None].astype(np.float32) / UNIT)).detach().numpy()[0]
    assert np.abs(made(maps) / UNIT - expected).max() < 3 / UNIT


def test_extremes_do_not_overflow():
    # Everything at its largest: sums are a few bits below what double precision holds.
    weights = np.full((4, 245, 5, 5), LARGEST_WEIGHT)
    made = Convolution(weights, np.zeros(4, np.int64))
    for sign in (-1, 1):
        assert (made(np.full((245, 3, 3), sign * LARGEST)) == sign * LARGEST).all()


@pytest.mark.parametrize(
    ("weights", "biases", "says"),
    [
        (np.full((1, 1, 1, 1), LARGEST_WEIGHT + 1), np.zeros(1, np.int64), "128"),
        (np.zeros((1, 1, 2, 2), np.int64), np.zeros(1, np.int64), "no convolution"),
        (np.zeros((2, 1, 1, 1), np.int64), np.zeros(1, np.int64), "no convolution"),
        (np.zeros((1, 800, 5, 5), np.int64), np.zeros(1, np.int64), "overflow"),
    ],
)
def test_what_does_not_fit_is_refused(weights, biases, says):
    with pytest.raises(ValueError, match=says):
        Convolution(weights, biases)


SCRIPT = """
import hashlib, numpy as np
from hypress.neural.fixedpoint import Convolution, apply
random = np.random.default_rng(5)
layers = [
    Convolution(random.integers(-9000, 9000, (48, 48, 5, 5)), random.integers(-9, 9, 48), 2, True),
    Convolution(random.integers(-9000, 9000, (20, 48, 3, 3)), random.integers(-9, 9, 20)),
]
out = apply(layers, random.integers(-900, 900, (48, 9, 7)))
print(hashlib.sha256(out.tobytes()).hexdigest())
"""


def test_threads_and_vector_widths_change_nothing():
    # The compiler is told to use no vector unit in one, and every thread count in others.
    settings = [
        {}, {"OMP_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "7", "OPENBLAS_NUM_THREADS": "7"},
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, {"NUMBA_DISABLE_JIT": "1"},
    ]  # fmt: skip
    found = set()
    for extra in settings:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=os.environ | extra, capture_output=True, text=True, check=True
        )
        found.add(done.stdout.strip())
    assert len(found) == 1


def test_layers_follow_one_another():
    random = np.random.default_rng(2)
    first, second = layer(random, 4, 3, 3), layer(random, 2, 4, 1)
    maps = random.integers(-UNIT, UNIT, (3, 5, 5))
    assert np.array_equal(apply([first, second], maps), second(first(maps)))
