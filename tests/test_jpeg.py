"""JPEG: streams that other decoders read and theirs that we read, tables, damage, and the codec over a cube."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image as Pillow

import hypress
from hypress import t81
from hypress.codec import find
from hypress.errors import CodestreamError
from hypress.metrics import Tally
from hypress.t81 import markers, scan
from hypress.t81.coder import coefficients
from hypress.t81.huffman import Table
from hypress.transforms.dct import zigzag


def picture(rows, columns, top, seed=0):
    y, x = np.mgrid[:rows, :columns]
    waves = np.sin(x / 5) * np.cos(y / 9) + 0.3 * (x > y)
    noise = np.random.default_rng(seed).normal(0, 0.02, waves.shape)
    return np.clip(np.rint((waves + 1.2 + noise) / 2.6 * top), 0, top).astype(np.int64)


def ours(image, step, bits=8):
    return t81.encode(coefficients(image, bits), image.shape, t81.flat_table(step, bits), bits)


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (17, 9), (64, 50)])
@pytest.mark.parametrize("bits", [8, 12])
def test_it_comes_back(shape, bits):
    image = picture(*shape, (1 << bits) - 1)
    decoded, end = t81.decode(stream := ours(image, 1.0, bits), 0, *shape)
    assert np.abs(decoded - image).max() <= 3
    assert end == len(stream)


@pytest.mark.parametrize("step", [1.0, 6.5, 40.0])
def test_others_read_ours(step):
    image = picture(61, 83, 255)
    stream = ours(image, step)
    theirs = np.asarray(Pillow.open(io.BytesIO(stream)), np.int64)
    assert np.abs(theirs - t81.decode(stream, 0, 61, 83)[0]).max() <= 1  # their inverse transform rounds too


@pytest.mark.parametrize("quality", [20, 75, 95])
def test_we_read_others(quality):
    image = picture(61, 83, 255)
    packed = io.BytesIO()
    Pillow.fromarray(image.astype(np.uint8)).save(packed, "jpeg", quality=quality, optimize=quality > 50)
    theirs = np.asarray(Pillow.open(packed), np.int64)
    decoded, _ = t81.decode(packed.getvalue(), 0, 61, 83)
    assert np.abs(theirs - decoded).max() <= 1


def test_gdal_reads_ours_of_12_bits(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    image = picture(40, 48, 4095)
    path = tmp_path / "deep.jpg"
    path.write_bytes(stream := ours(image, 3.0, 12))
    try:
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(path) as opened:
            theirs = opened.read(1).astype(np.int64)
    except rasterio.errors.RasterioIOError as error:
        pytest.skip(f"this GDAL was built without JPEG of 12 bits: {error}")
    assert np.abs(theirs - t81.decode(stream, 0, 40, 48)[0]).max() <= 1


def test_kernels_are_the_reference():
    random = np.random.default_rng(1)
    blocks = np.rint(random.laplace(0, 40, (60, 64)) * np.exp(-np.arange(64) / 12)).astype(np.int32)
    blocks[7, 1:] = 0
    blocks[8, 20:60], blocks[8, 60] = 0, 5  # a run of more than 32
    events = list(scan.symbols_reference(blocks))
    counts = np.zeros((2, 256), np.int64)
    for is_dc, symbol, _, _ in events:
        counts[0 if is_dc else 1, symbol] += 1
    dc_counts, ac_counts = np.zeros(256, np.int64), np.zeros(256, np.int64)
    scan.count(blocks, dc_counts, ac_counts)
    assert np.array_equal(counts, [dc_counts, ac_counts])
    tables = Table.best(dc_counts), Table.best(ac_counts)
    (dc_codes, dc_sizes), (ac_codes, ac_sizes) = (table.codes() for table in tables)
    bits = ""
    for is_dc, symbol, value, size in events:
        code, length = (dc_codes, dc_sizes) if is_dc else (ac_codes, ac_sizes)
        bits += f"{code[symbol]:0{length[symbol]}b}" + (f"{value:0{size}b}" if size else "")
    bits += "1" * (-len(bits) % 8)
    expected = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    out = np.zeros(1 << 16, np.uint8)
    size = scan.write(blocks, dc_codes, dc_sizes, ac_codes, ac_sizes, out)
    assert out[:size].tobytes() == expected
    back = np.zeros_like(blocks)
    state, end = scan.read(out[:size], 0, *tables[0].lookup(), *tables[1].lookup(), back)
    assert (state, end) == (scan.SOUND, size)
    assert np.array_equal(back, blocks)


@pytest.mark.parametrize("skew", [1.02, 1.5, 3.0])
def test_huffman_tables_are_complete_short_and_near_the_entropy(skew):
    frequencies = np.zeros(256, np.int64)
    frequencies[:60] = np.ceil(1e9 / skew ** np.arange(60)).astype(np.int64)
    table = Table.best(frequencies)
    codes, sizes = table.codes()
    used = sizes[:60]
    assert used.min() > 0
    assert used.max() <= 16
    assert sum(2.0**-n for n in used.tolist()) < 1  # the word of all ones is free
    assert all(code != (1 << n) - 1 for code, n in zip(codes[:60].tolist(), used.tolist(), strict=True))
    shares = frequencies[:60] / frequencies.sum()
    assert (shares * used).sum() < -(shares * np.log2(shares)).sum() + 0.5


def test_the_table_of_the_standard_is_read():
    # T.81, table K.3: the DC table for luminance.
    table = Table((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0), tuple(range(12)))
    codes, sizes = table.codes()
    assert [f"{codes[s]:0{sizes[s]}b}" for s in (0, 1, 5, 6, 11)] == ["00", "010", "110", "1110", "111111110"]


def test_flat_tables_grow_in_small_steps():
    sums = [t81.flat_table(step, 8).sum() for step in np.arange(1, 20, 0.1)]
    assert all(0 <= b - a <= 8 for a, b in itertools.pairwise(sums))
    assert t81.flat_table(0.01, 8).min() == 1
    assert t81.flat_table(1e9, 8).max() == 255


def test_segments_are_where_the_standard_has_them():
    stream = ours(picture(16, 24, 255), 5.0)
    assert stream[:4] == b"\xff\xd8\xff\xe0"
    assert stream[6:11] == b"JFIF\0"
    image, at = markers.read(stream, 0)
    assert (image.rows, image.columns, image.bits) == (16, 24, 8)
    assert stream[at - 10 : at - 8] == b"\xff\xda"
    assert stream[-2:] == b"\xff\xd9"


def test_damage_is_refused_or_decodes():
    stream = ours(picture(32, 32, 255), 4.0)
    random = np.random.default_rng(2)
    for _ in range(400):
        damaged = bytearray(stream)
        damaged[random.integers(0, len(stream))] = int(random.integers(0, 256))
        try:
            assert t81.decode(bytes(damaged), 0, 32, 32)[0].shape == (32, 32)
        except CodestreamError:
            continue
    for size in range(0, len(stream), 7):
        with pytest.raises(CodestreamError):
            t81.decode(stream[:size], 0, 32, 32)


def test_progressive_streams_are_refused():
    packed = io.BytesIO()
    Pillow.fromarray(picture(32, 32, 255).astype(np.uint8)).save(packed, "jpeg", progressive=True)
    with pytest.raises(CodestreamError, match="sequential"):
        t81.decode(packed.getvalue(), 0, 32, 32)


def scene():
    random = np.random.default_rng(3)
    clean = np.stack([200 * b + picture(37, 42, 3000, b) for b in range(12)])
    return (clean + random.integers(0, 3, clean.shape)).astype(np.uint16)


@pytest.mark.parametrize(("bits", "rate"), [(8, 0.5), (8, 2.0), (12, 0.5), (12, 5.0)])
def test_rates_are_met_from_below(bits, rate):
    samples = scene()
    data = hypress.encode(samples, find("jpeg")(bits=bits), hypress.Rate(bpppc=rate))
    assert 0.9 * rate < 8 * len(data) / samples.size <= rate


def test_twelve_bits_reach_what_eight_cannot():
    samples = scene()
    eight, twelve = (
        Tally.of(samples, hypress.decode(hypress.encode(samples, find("jpeg")(rate_bpppc=16.0, bits=bits)))).max_error
        for bits in (8, 12)
    )
    assert twelve <= 2 < eight


def test_more_lines_than_an_image_has():
    tall = np.arange(90 * 800, dtype=np.int64).reshape(90, 800, 1) % 251
    samples = np.repeat(tall, 9, axis=2).astype(np.uint8)
    data = hypress.encode(samples, find("jpeg")(rate_bpppc=8.0))
    assert hypress.decode(data).shape == samples.shape
    assert Tally.of(samples, hypress.decode(data)).max_error <= 3


def test_zigzag_is_that_of_the_standard():
    assert zigzag(8)[:10].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
