from itertools import pairwise

import numpy as np
import pytest
from numba import njit

from hypress.entropy import mq

encode_bit, decode_bit = mq.encode, mq.decode


@njit
def _encode(bits, contexts_of, out, contexts):
    a, c, ct, pos = 0x8000, 0, 12, 0
    out[0] = 0
    for i in range(len(bits)):
        a, c, ct, pos = encode_bit(bits[i], contexts_of[i], contexts, a, c, ct, pos, out)
    tail, count = mq.shortest_end(a, c, ct, np.int64(out[pos]))
    return pos, tail, count


@njit
def _decode(segment, contexts_of, contexts):
    bits = np.empty(len(contexts_of), np.int64)
    a, c, ct, pos = mq.start(segment)
    for i in range(len(contexts_of)):
        bits[i], a, c, ct, pos = decode_bit(contexts_of[i], contexts, a, c, ct, pos, segment)
    return bits, pos


def _contexts():
    contexts = np.empty(mq.CONTEXTS, np.uint32)
    mq.reset(contexts)
    return contexts


def encode(bits, contexts_of):
    out = np.zeros(2 * len(bits) + 16, np.uint8)
    bits, contexts_of = np.asarray(bits, np.int64), np.asarray(contexts_of, np.int64)
    pos, tail, count = _encode(bits, contexts_of, out, _contexts())
    # The first byte is not part of the segment, unless nothing else was written.
    return (bytes(out[:pos]) + tail.to_bytes(4, "little")[:count])[1:]


def decode(segment, contexts_of):
    padded = np.frombuffer(segment + b"\xff\xff", np.uint8)
    bits, pos = _decode(padded, np.asarray(contexts_of, np.int64), _contexts())
    assert pos <= len(segment)
    return bits


def test_the_sequence_of_the_standard():
    # The test sequence for the arithmetic coder that the standard shares with JBIG2 (ITU-T T.88, H.2):
    # one context that starts in state 0. Its flush is longer than ours; up to there the bytes are the same.
    source = bytes.fromhex("00020051000000C00352872AAAAAAAAA82C02000FCD79EF6BF7FED904F46A3BF")
    coded = bytes.fromhex("84C73BFCE1A1430402200000410DBB86F4317FFF88FF37471ADB6ADFFFAC")
    bits = np.unpackbits(np.frombuffer(source, np.uint8))
    ours = encode(bits, np.full(len(bits), 1))
    assert coded.startswith(ours[:-1])
    np.testing.assert_array_equal(decode(ours, np.full(len(bits), 1)), bits)
    np.testing.assert_array_equal(decode(coded[:-2], np.full(len(bits), 1)), bits)


@pytest.mark.parametrize("probability", [0.0, 0.001, 0.1, 0.5, 0.9, 1.0])
def test_round_trip(probability):
    rng = np.random.default_rng(0)
    for size in [*range(1, 40), 1000, 20000]:
        bits = rng.random(size) < probability
        contexts_of = rng.integers(0, mq.CONTEXTS, size)
        segment = encode(bits, contexts_of)
        np.testing.assert_array_equal(decode(segment, contexts_of), bits)
        assert not segment.endswith(b"\xff")
        assert all(after <= 0x8F for byte, after in pairwise(segment) if byte == 0xFF)


def test_no_shorter_end_would_do():
    rng = np.random.default_rng(1)
    for _ in range(100):
        size = int(rng.integers(1, 60))
        bits, contexts_of = rng.random(size) < rng.random(), rng.integers(0, mq.CONTEXTS, size)
        segment = encode(bits, contexts_of)
        if not segment:
            continue
        for last in range(256):  # whatever the byte before the last were raised or lowered to
            shorter = segment[:-2] + bytes((last,)) if len(segment) > 1 else b""
            assert not np.array_equal(decode(shorter, contexts_of), bits)


def test_skewed_bits_cost_their_entropy():
    bits = np.random.default_rng(2).random(100_000) < 0.05
    entropy = -(0.05 * np.log2(0.05) + 0.95 * np.log2(0.95)) * len(bits) / 8
    assert len(encode(bits, np.zeros(len(bits)))) < 1.06 * entropy


def test_any_bytes_decode_to_something():
    rng = np.random.default_rng(3)
    for size in range(64):
        segment = rng.choice([0x00, 0x7F, 0x8F, 0x90, 0xFF], size).astype(np.uint8).tobytes()
        assert set(decode(segment, rng.integers(0, mq.CONTEXTS, 2000))) <= {0, 1}
