"""The spectral transform: exactness of its inverse, and what rotation and allocation promise."""

import math

import numpy as np
import pytest

from hypress.transforms import pca
from hypress.transforms.allocation import Spectrum, level_of_bands, plan
from hypress.transforms.pca import Basis, moments, principal_axes, project, quantised_basis
from hypress.transforms.rotation import block_covariances, block_variances, cheapest_rotation, haar_bands


def scene(bands=24, rows=40, columns=36, noise=2.0, seed=0):
    """Three materials in smooth patches of different sizes, in uint16."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns]
    planes = [np.sin(x / 9) + np.cos(y / 7), np.sin(x * y / 60), rng.normal(0, 1, (rows, columns))]
    spectra = rng.normal(0, 1, (3, bands)).cumsum(axis=1)
    clean = np.einsum("kb,kyx->byx", spectra * [[90], [40], [15]], np.array(planes))
    return np.rint(np.clip(3000 + clean + rng.normal(0, noise, clean.shape), 0, 65535)).astype(np.uint16)


def exact_inverse(basis, components, dtype):
    """`Basis.inverse` in whole numbers of any size, sample by sample."""
    k, rows, columns = components.shape
    whole = [[math.floor(float(c) * 16 + 0.5) for c in plane.ravel()] for plane in components]
    peak = max((abs(c) for plane in whole for c in plane), default=0)
    bits = min(40, 52 - max(k, 1).bit_length() - peak.bit_length())
    limits = np.iinfo(dtype)
    out = []
    for b in range(basis.integers.shape[1]):
        entries = []
        for column in basis.integers[1:].tolist():
            square = sum(entry**2 for entry in column)
            ratio = (column[b] ** 2 << (2 * bits + 2)) // square if square else 0
            entries.append((math.isqrt(ratio) + 1 >> 1) * (1 if column[b] > 0 else -1))
        mean = (int(basis.integers[0, b]) * basis.mean_step << (bits + 4)) >> 16
        for pixel in range(rows * columns):
            total = mean + sum(e * plane[pixel] for e, plane in zip(entries, whole, strict=True))
            value = (total + (1 << (bits + 3))) >> (bits + 4)
            out.append(min(max(value, limits.min), limits.max))
    return np.array(out, dtype).reshape(-1, rows, columns)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16"])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_inverse_is_exact(dtype, count):
    rng = np.random.default_rng(count)
    integers = rng.integers(-(2**20), 2**20, (1 + count, 7)) >> rng.integers(0, 19, (1 + count, 1))
    integers[0] = rng.integers(-40000, 70000, 7)
    components = rng.normal(0, 30000, (count, 4, 6))
    basis = Basis(integers, 65000)
    assert np.array_equal(basis.inverse(components, dtype), exact_inverse(basis, components, dtype))


def test_inverse_does_not_depend_on_the_blocks(monkeypatch):
    samples = scene()
    basis = plan(samples, Spectrum.of(samples), level=2.0).basis()
    components = project(samples, basis.means, basis.analysis())
    whole = basis.inverse(components, "uint16")
    monkeypatch.setattr(pca, "BLOCK_SAMPLES", 500)
    assert np.array_equal(basis.inverse(components, "uint16"), whole)
    assert np.allclose(moments(samples)[1], np.cov(samples.reshape(24, -1), bias=True))


def test_inverse_of_nonsense_is_some_samples():
    integers = np.array([[2**39, -(2**39)], [0, 0], [2**39, 1]])
    nonsense = np.array([[[np.nan, np.inf]], [[-np.inf, 1e300]]])
    assert Basis(integers, 2**32 - 1).inverse(nonsense, "int16").shape == (2, 1, 2)


def test_fine_basis_gives_the_samples_back():
    samples = scene(bands=6)
    means, covariance = moments(samples)
    variances, axes = principal_axes(covariance)
    basis = quantised_basis(means, axes, variances, samples[0].size, 0.01)
    components = project(samples, basis.means, basis.analysis())
    assert np.array_equal(basis.inverse(components, samples.dtype), samples)


def test_quantising_the_basis_costs_as_much_as_quantising_coefficients():
    samples = scene(noise=0.3)
    pixels = samples[0].size
    means, covariance = moments(samples)
    variances, axes = principal_axes(covariance)
    step = 6.0
    basis = quantised_basis(means, axes[:, :3], variances[:3], pixels, step)
    integers = basis.integers[1:].T * step / np.sqrt(pixels * variances[:3])
    moved = np.square(integers - axes[:, :3]) @ variances[:3] * pixels
    assert 0.5 < moved.mean() / (3 * step**2 / 12) < 1.5


def test_haar_pyramid_is_orthonormal():
    planes = np.random.default_rng(0).normal(0, 1, (2, 32, 48)).astype(np.float32)
    bands = haar_bands(planes)
    assert sum(band.size for band in bands) == planes.size
    assert math.isclose(
        sum(float(np.square(band).sum()) for band in bands), float(np.square(planes).sum()), rel_tol=1e-5
    )


@pytest.mark.parametrize("shape", [(3, 1, 1), (2, 1, 9), (1, 7, 5), (4, 33, 17)])
def test_variances_are_the_diagonal_of_covariances(shape):
    planes = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    covariances, sizes = block_covariances(planes)
    assert np.allclose(np.einsum("kkb->kb", covariances), block_variances(planes))
    assert sizes.sum() <= shape[1] * shape[2]


def test_rotation_finds_independent_sources():
    """Two sources in different subbands, mixed so that the KLT cannot tell them apart."""
    rng = np.random.default_rng(1)
    smooth = np.kron(rng.normal(0, 1, (8, 8)), np.ones((8, 8)))
    rough = rng.normal(0, 1, (64, 64))
    rough -= np.kron(rough.reshape(8, 8, 8, 8).mean(axis=(1, 3)), np.ones((8, 8)))
    sources = np.stack([smooth / smooth.std(), rough / rough.std()])
    angle = 0.6
    mixing = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mixed = np.einsum("ij,jyx->iyx", mixing, sources).astype(np.float32)
    covariances, sizes = block_covariances(mixed)
    rotation = cheapest_rotation(covariances, sizes, 1e-3, sweeps=20)
    assert np.allclose(rotation.T @ rotation, np.eye(2))
    unmixed = np.abs(rotation.T @ mixing)
    assert np.allclose(np.sort(unmixed.ravel()), [0, 0, 1, 1], atol=0.02)


def test_rotation_never_costs_more():
    samples = scene()
    spectrum = Spectrum.of(samples)
    plain = plan(samples, spectrum, level=4.0, sweeps=0)
    turned = plan(samples, spectrum, level=4.0)
    assert turned.bits(4.0).sum() <= plain.bits(4.0).sum()
    assert np.allclose(turned.axes.T @ turned.axes, np.eye(turned.axes.shape[1]))
    assert math.isclose(turned.energies.sum(), plain.energies.sum())


def test_level_meets_the_bits():
    samples = scene()
    for bits in [2000.0, 20000.0]:
        chosen = plan(samples, Spectrum.of(samples), bits=bits)
        assert math.isclose(chosen.bits(chosen.level).sum(), bits, rel_tol=1e-3)
    assert level_of_bands(samples, 20000.0) > chosen.level
    assert 3 <= chosen.basis().components < 24


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 5), (5, 1, 1), (3, 1, 9), (200, 2, 2)])
def test_constant_and_tiny_scenes_have_no_components(shape):
    basis = plan(np.full(shape, 77, np.uint16), Spectrum.of(np.full(shape, 77, np.uint16)), bits=1000.0).basis()
    assert basis.components == 0
