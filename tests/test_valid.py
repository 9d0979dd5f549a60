"""Samples that are not real have no part in the loss of networks that are fitted to a scene."""

import numpy as np
import pytest

import hypress
from hypress.codec import Spec
from hypress.valid import told, valid_samples

torch = pytest.importorskip("torch")

CODECS = [
    hypress.find_codec("siren")(features=False, layers=1, width=6, steps=20, seconds=1e6),
    hypress.find_codec("siren")(features=False, layers=1, width=6, steps=20, seconds=1e6, sampling=0.5),
    hypress.find_codec("gnn")(published=True, rate_bpppc=4.0, channels=3, steps=6, seconds=1e6),
]


def streams(codec, samples, valid):
    with told(valid):
        return dict(codec.encode(samples, Spec(samples.shape, "uint16", 12)))


@pytest.mark.parametrize("codec", CODECS, ids=["siren", "siren, sampled", "gnn"])
def test_networks_do_not_hang_on_what_is_filled_in(codec):
    random = np.random.default_rng(1)
    samples = random.integers(0, 4096, (5, 12, 14)).astype(np.uint16)
    samples[0, :2, 0] = 0, 4095
    valid = np.ones(samples.shape, bool)
    valid[:, 3:9, 4:9] = False
    valid[2, 10] = False
    other = np.where(valid, samples, random.integers(0, 4096, samples.shape)).astype(np.uint16)
    assert streams(codec, samples, valid) == streams(codec, other, valid)
    assert streams(codec, samples, None) != streams(codec, other, None)
    assert streams(codec, samples, valid) != streams(codec, samples, None)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_codecs_are_told_which_samples_are_real(dtype, monkeypatch):
    kind, seen = hypress.find_codec("jpeg2000"), []
    encode = kind.encode

    def watched(self, samples, spec):
        seen.append((samples.shape, valid_samples()))
        return encode(self, samples, spec)

    monkeypatch.setattr(kind, "encode", watched)
    samples = np.random.default_rng(2).integers(1, 200, (3, 8, 9)).astype(dtype)
    samples[1, 2:4, 5] = 0
    hypress.encode(samples, "jpeg2000", nodata=0)
    hypress.encode(samples, "jpeg2000")
    for shape, valid in seen[:-1]:
        assert valid is not None
        assert valid.shape == shape
        assert int((~valid).sum()) == 2 * shape[0] // 3
    assert seen[-1][1] is None
    assert valid_samples() is None
