"""Old files decode for ever. A codec without its golden files fails: they are never written by a test."""

import numpy as np
import pytest

import hypress
from golden import FOLDER, files
from hypress.codec import find, names
from hypress.errors import MissingExtraError


def installed():
    for name in names():
        try:
            yield find(name)
        except MissingExtraError:
            continue


@pytest.mark.parametrize("kind", list(installed()), ids=lambda kind: kind.name)
def test_every_example_has_its_golden_file(kind):
    for example, path in files(kind):
        assert path.exists(), f"no golden file for {example}: python tests/golden.py {kind.name}"
        header = hypress.inspect(path.read_bytes())
        assert (header.codec, header.bitstream) == (kind.name, kind.bitstream)
        assert kind.configured(header.configuration) == example


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*.hyp")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_golden_files_decode_as_they_did(path):
    try:
        find(path.parent.name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    decoded, expected = hypress.decode(path.read_bytes()), np.load(path.with_suffix(".npy"))
    assert decoded.dtype == expected.dtype
    exact = hypress.inspect(path.read_bytes()).checksum is not None
    tolerance = 0 if exact else 1  # floating-point transforms may round the other way on another machine
    assert np.abs(decoded.astype(np.int64) - expected.astype(np.int64)).max() <= tolerance
