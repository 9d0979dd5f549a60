"""Bad input: one clear sentence, exit code 2 (1 from `verify`), no traceback, nothing left, nothing allocated."""

import os
import resource
import struct
import subprocess
import sys
import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hypress
from hypress.codestream import Header, pack, unpack
from hypress.errors import CodestreamError, HypressError, LimitError, UnknownCodecError, VersionError
from hypress.levels import Integers

ENVI = "ENVI\nsamples = {x}\nlines = {y}\nbands = {b}\ndata type = {t}\ninterleave = bsq\nbyte order = 0\n"


def envi(folder, *, x=4, y=3, b=2, t=12, data=48):
    (folder / "scene.hdr").write_text(ENVI.format(x=x, y=y, b=b, t=t))
    (folder / "scene.img").write_bytes(bytes(range(256))[: data or 0])
    return folder / "scene.hdr"


def truncated_header(folder):
    path = envi(folder)
    path.write_text("ENVI\nsamples = 4\nlines = 3\nwavelength = {400, 50")
    return path, "scene.hdr"


def header_without_bands(folder):
    path = envi(folder)
    path.write_text("ENVI\nsamples = 4\nlines = 3\ndata type = 12\ninterleave = bsq\n")
    return path, "bands"


def short_data(folder):
    return envi(folder, data=47), "48"


def unknown_sample_type(folder):
    return envi(folder, t=99), "99"


def a_trillion_samples(folder):
    return envi(folder, x=10_000, y=10_000, b=10_000), "2000000000000"


def complex_samples(folder):
    return envi(folder, t=6, data=192), "complex"


def complex_npy(folder):
    np.save(folder / "scene.npy", np.zeros((2, 3, 4), np.complex64))
    return folder / "scene.npy", "complex"


def two_dimensions(folder):
    np.save(folder / "scene.npy", np.zeros((3, 4), np.uint16))
    return folder / "scene.npy", "three dimensions"


def text_samples(folder):
    np.save(folder / "scene.npy", np.full((2, 3, 4), "x"))
    return folder / "scene.npy", ""


def objects(folder):
    np.save(folder / "scene.npy", np.full((2, 3, 4), None), allow_pickle=True)
    return folder / "scene.npy", "object"


def all_nan(folder):
    np.save(folder / "scene.npy", np.full((2, 3, 4), np.nan))
    return folder / "scene.npy", "no valid sample"


def no_samples(folder):
    np.save(folder / "scene.npy", np.zeros((2, 0, 4)))
    return folder / "scene.npy", "at least one sample"


def not_there(folder):
    return folder / "nowhere.hdr", "nowhere.hdr"


def unknown_format(folder):
    (folder / "scene.docx").write_text("words")
    return folder / "scene.docx", "scene.docx"


def a_broken_tiff(folder):
    (folder / "scene.tif").write_bytes(b"II*\0" + bytes(20))
    return folder / "scene.tif", "scene.tif"


def a_broken_netcdf(folder):
    (folder / "scene.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    return folder / "scene.nc", "scene.nc"


def no_codestream(folder):
    (folder / "scene.hyp").write_bytes(b"anything")
    return folder / "scene.hyp", "no hypress codestream"


INPUTS = [
    truncated_header, header_without_bands, short_data, unknown_sample_type, a_trillion_samples, complex_samples,
    complex_npy, two_dimensions, text_samples, objects, all_nan, no_samples, not_there, unknown_format, a_broken_tiff,
    a_broken_netcdf, no_codestream,
]  # fmt: skip


@pytest.mark.filterwarnings("default")  # what else a file does not say may be said, too
@pytest.mark.parametrize("kind", ["out.zarr", "out.zarr.zip", "out.hyp"])
@pytest.mark.parametrize("make", INPUTS, ids=lambda f: f.__name__)
def test_bad_scenes(cli, tmp_path, make, kind):
    path, says = make(tmp_path)
    before = set(os.listdir(tmp_path))
    ran = cli("compress", path, tmp_path / kind)
    assert ran.code == 2
    assert ran.out == ""
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert [line for line in ran.err.splitlines() if "note:" not in line] == [ran.err.splitlines()[-1]]
    assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("command", ["info", "decompress", "compare", "verify"])
def test_a_path_that_is_not_there(cli, tmp_path, command):
    more = {"decompress": [tmp_path / "a.npy"], "compare": [tmp_path / "b.npy"]}.get(command, [])
    for name in ("nowhere.hyp", "nowhere.zarr", "nowhere.zarr.zip", "nowhere.hdr"):
        ran = cli(command, tmp_path / name, *more)
        assert ran.code == 2
        assert "nowhere" in ran.err
        assert len(ran.err.splitlines()) == 1


def test_an_output_that_exists(cli, tmp_path, jasper_ridge):
    for name in ("a.hyp", "a.zarr", "a.zarr.zip"):
        (tmp_path / name).write_text("precious")
        ran = cli("compress", jasper_ridge, tmp_path / name)
        assert ran.code == 2
        assert "--overwrite" in ran.err
        assert (tmp_path / name).read_text() == "precious"


def test_a_bare_codestream_too_large_to_decode_is_not_begun(tmp_path):
    import dask.array

    from hypress import scene as scenes
    from hypress.errors import SceneError

    huge = scenes.make(dask.array.zeros((300, 3000, 3000), dtype="u2", chunks=-1))
    with pytest.raises(SceneError, match="store"):
        hypress.compress(huge, tmp_path / "a.hyp")


def test_an_output_in_no_folder(cli, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4), np.uint8))
    ran = cli("compress", tmp_path / "a.npy", tmp_path / "nowhere" / "a.hyp")
    assert ran.code == 2
    ran = cli("compress", tmp_path / "a.npy", tmp_path / "a.xyz")
    assert ran.code == 2
    assert ".zarr.zip" in ran.err


# --- codestreams -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    return hypress.encode(np.arange(3 * 5 * 7, dtype=np.int16).reshape(3, 5, 7), "jpeg2000")


def test_any_byte_changed(data):
    for position in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[position] ^= flip
            with pytest.raises(CodestreamError):
                hypress.decode(bytes(damaged))


def test_cut_anywhere(data):
    for length in range(len(data)):
        with pytest.raises(CodestreamError):
            hypress.decode(data[:length])


@settings(deadline=None, max_examples=300)
@given(data=st.binary(max_size=200))
def test_any_bytes_at_all(data):
    for start in (b"", hypress.encode(np.zeros((1, 2, 3), np.uint8), "jpeg2000")[:13]):
        with pytest.raises(CodestreamError):
            hypress.decode(start + data)


def test_a_changed_codestream_is_one_sentence(cli, data, tmp_path):
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 4
    (tmp_path / "a.hyp").write_bytes(damaged)
    assert cli("verify", tmp_path / "a.hyp").code == 1
    ran = cli("decompress", tmp_path / "a.hyp", tmp_path / "a.npy")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "a.npy").exists()


def reheaded(data, **changes):
    """The codestream with some of its header changed, under checksums that fit."""
    header, streams = unpack(data)
    return pack(msgspec.structs.replace(header, **changes), streams)


def test_a_trillion_samples_are_not_allocated(data):
    with pytest.raises(LimitError, match="limit"):
        hypress.decode(reheaded(data, shape=(10_000, 10_000, 10_000)))
    with pytest.raises(LimitError):
        hypress.decode(data, max_bytes=100)
    with pytest.raises(HypressError):
        hypress.decode(reheaded(data, shape=(3, 30_000, 20_000)))


def test_no_memory_is_taken_beyond_the_limit(tmp_path, data):
    """Under an address-space limit that a billion samples would break, the refusal still comes."""
    (tmp_path / "a.hyp").write_bytes(reheaded(data, shape=(1000, 1000, 2000)))
    program = "from hypress.cli import main; main()"
    command = [sys.executable, "-c", program, "decompress", str(tmp_path / "a.hyp"), str(tmp_path / "a.npy")]
    limit = 6 << 30
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "a.npy").exists()


def test_an_unknown_codec(data):
    with pytest.raises(UnknownCodecError, match="jpeg2000"):
        hypress.decode(reheaded(data, codec="warp"))


def test_newer_versions(data):
    with pytest.raises(VersionError, match="upgrade"):
        hypress.decode(reheaded(data, bitstream=99))
    with pytest.raises(VersionError, match="upgrade"):
        hypress.decode(data[:8] + b"\x07" + data[9:])


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": "object"},
        {"dtype": "float128"},
        {"dtype": "no type"},
        {"dtype": "f4,i2"},
        {"dtype": "float32"},
        {"configuration": {"level": 3}},
        {"configuration": {"levels": "x"}},
        {"levels": Integers(low=5, high=3)},
        {"levels": Integers(low=0, high=2**62)},
        {"levels": Integers(low=0, high=9, offset=2**63)},
        {"levels": None},
        {"shape": (3, 5, 8)},
        {"shape": (105, 1, 1)},
        {"checksum": 12345},
        {"nodata": 7},
    ],
    ids=str,
)
def test_headers_that_lie(data, changes):
    try:
        decoded = hypress.decode(reheaded(data, **changes))
    except CodestreamError:
        return
    assert decoded.shape == changes.get("shape", (3, 5, 7))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_headers_of_any_content(draw):
    """MessagePack values of every kind in every place of the header, under a checksum that fits."""
    header, streams = unpack(hypress.encode(np.arange(24, dtype=np.uint16).reshape(2, 3, 4), "jpeg2000"))
    fields = msgspec.to_builtins(header)
    number = st.integers(-(2**63), 2**64 - 1) | st.floats()
    anything = st.recursive(
        st.none() | st.booleans() | number | st.text(max_size=5) | st.binary(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    path = fields
    key = draw.draw(st.sampled_from(sorted(fields)))
    if isinstance(path[key], dict) and path[key] and draw.draw(st.booleans()):
        path, key = path[key], draw.draw(st.sampled_from(sorted(path[key])))
    path[key] = draw.draw(anything)
    body = msgspec.msgpack.encode(fields)
    head = struct.pack("<8sBI", b"\x89HYP\r\n\x1a\n", 1, len(body)) + body
    data = head + struct.pack("<I", zlib.crc32(head)) + b"".join(streams.values())
    try:
        decoded = hypress.decode(data)
    except HypressError:
        return
    assert decoded.ndim == 3


def test_the_header_type_is_what_the_page_lists():
    assert set(Header.__struct_fields__) == {
        "codec", "bitstream", "configuration", "shape", "dtype", "levels", "nodata", "checksum",
        "embedded", "streams",
    }  # fmt: skip
