"""CCSDS 122.0-B-2 as the text has it, slow and plain: what the kernels are tested against.

`encode_image` is the whole encoder, `transform` the wavelets of section 3, `encode` the segment coder of section 4. A
block is a list of 64 weighted coefficients, in the order of `layout`; bits are text of zeros and ones. The names of
4.5 are kept: t is t_b(x), and so are tmax, tword, types, signs, tranB, tranD, tranG, tranH.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hypress.ccsds122.codes import CHILDREN, CODES, GRANDCHILDREN, ID_BITS, THREE_BITS, TRAN_D, TWO_BITS, UNCODED
from hypress.ccsds122.dwt import G0, G1, G2, G3, H0, H1, H2, H3, H4
from hypress.ccsds122.header import Header
from hypress.ccsds122.layout import SUBBAND_OF, SUBBANDS
from hypress.ccsds122.parameters import Image, Limits, Options

Block = Sequence[int]
Word = tuple[str, tuple[int, ...] | None]
"""Bits, and the mapping to symbols by which they are entropy coded; None where they are written as they are."""

GAGGLE = 16
PARENTS = (1, 2, 3)
C = [range(4 + 4 * i, 8 + 4 * i) for i in range(3)]
H = [[range(16 + 16 * i + 4 * j, 20 + 16 * i + 4 * j) for j in range(4)] for i in range(3)]
G = [range(16 + 16 * i, 32 + 16 * i) for i in range(3)]
D = [[*C[i], *G[i]] for i in range(3)]
B = range(4, 64)


def encode_image(pixels: NDArray[np.int64], image: Image, options: Options, limits: Limits) -> bytes:
    """All segments of pixels `(y, x)`, with every header part in the first; S divides the number of blocks."""
    if image.transposed:
        pixels = pixels.T
    pad_rows, pad_columns = -pixels.shape[0] % 8, -pixels.shape[1] % 8
    padded = np.pad(pixels, ((0, pad_rows), (0, pad_columns)), mode="edge")
    shifts = [image.shifts[subband] for subband in SUBBAND_OF]
    weighted = blocks_of(transform(padded, image.dwt), shifts)
    stream = b""
    for start in range(0, len(weighted), options.blocks):
        blocks = weighted[start : start + options.blocks]
        last = start + options.blocks == len(weighted)
        header = Header(
            first=start == 0,
            last=last,
            count=start // options.blocks % 256,
            dc_depth=max(_signed_length(block[0]) for block in blocks),
            ac_depth=max(abs(x).bit_length() for block in blocks for x in block[1:]),
            pad_rows=pad_rows if last else 0,
        )
        if start == 0:
            header = replace(header, limits=limits, options=options, image=image)
        bits = encode(blocks, shifts, options, limits)
        data = header.pack() + b"".join(
            int(bits[i : i + 8].ljust(8, "0"), 2).to_bytes(1, "big") for i in range(0, len(bits), 8)
        )
        data += bytes(-len(data) % image.word_bytes)
        stream += data[: limits.byte_limit].ljust(limits.byte_limit if limits.fill else 0, b"\0")
    return stream


# --- section 3 ----------------------------------------------------------------------------------------


def transform(padded: NDArray[np.int64], dwt: str) -> NDArray[np.int64]:
    """The three-level pyramid, laid out as in figure 3-2; float coefficients rounded."""
    line = integer_line if dwt == "integer" else float_line
    pyramid = padded.astype(object if dwt == "integer" else np.float64)
    height, width = padded.shape
    for _ in range(3):
        for y in range(height):
            pyramid[y, :width] = line(list(pyramid[y, :width]))
        for x in range(width):
            pyramid[:height, x] = line(list(pyramid[:height, x]))
        height, width = height // 2, width // 2
    return np.rint(pyramid.astype(np.float64)).astype(np.int64)


def integer_line(x: Sequence[int]) -> list[int]:
    """Equations 5 and 6: low-pass coefficients, then high-pass ones."""
    n = len(x) // 2
    d = [0] * n
    d[0] = x[1] - (9 * (x[0] + x[2]) - (x[2] + x[4]) + 8) // 16
    for j in range(1, n - 2):
        d[j] = x[2 * j + 1] - (9 * (x[2 * j] + x[2 * j + 2]) - (x[2 * j - 2] + x[2 * j + 4]) + 8) // 16
    d[n - 2] = x[2 * n - 3] - (9 * (x[2 * n - 4] + x[2 * n - 2]) - (x[2 * n - 6] + x[2 * n - 2]) + 8) // 16
    d[n - 1] = x[2 * n - 1] - (9 * x[2 * n - 2] - x[2 * n - 4] + 4) // 8
    c = [x[0] - (1 - d[0]) // 2]
    c += [x[2 * j] - (2 - d[j - 1] - d[j]) // 4 for j in range(1, n)]
    return c + d


def float_line(x: Sequence[float]) -> list[float]:
    """Equations 3 and 4."""
    size = len(x)

    def at(m: int) -> float:
        m = abs(m)
        return x[m] if m < size else x[2 * (size - 1) - m]

    h, g = (H0, H1, H2, H3, H4), (G0, G1, G2, G3)
    c = [sum(h[abs(n)] * at(2 * j + n) for n in range(-4, 5)) for j in range(size // 2)]
    d = [sum(g[abs(n)] * at(2 * j + 1 + n) for n in range(-3, 4)) for j in range(size // 2)]
    return c + d


def blocks_of(pyramid: NDArray[np.int64], shifts: Sequence[int]) -> list[list[int]]:
    """Weighted blocks in raster order (4.1, tables 4-1 and 4-2)."""
    height, width = pyramid.shape
    quarter = [(0, 0), (0, 1), (1, 0), (1, 1)]
    offsets = {3: [(0, 0)], 2: quarter, 1: [(2 * a + c, 2 * b + d) for a, b in quarter for c, d in quarter]}
    blocks = []
    for r in range(height // 8):
        for c in range(width // 8):
            block = []
            for name in ("LL3", "HL3", "LH3", "HH3", "HL2", "LH2", "HH2", "HL1", "LH1", "HH1"):
                level = int(name[2])
                top = height >> level if name[:2] in ("LH", "HH") else 0
                left = width >> level if name[:2] in ("HL", "HH") else 0
                scale = 2 ** (3 - level)
                shift = shifts[SUBBAND_OF.index(SUBBANDS.index(name))]
                block += [int(pyramid[top + scale * r + y, left + scale * c + x]) << shift for y, x in offsets[level]]
            blocks.append(block)
    return blocks


# --- section 4 ----------------------------------------------------------------------------------------


def encode(blocks: Sequence[Block], shifts: Sequence[int], options: Options, limits: Limits) -> str:
    """All bits of a segment's data, were there no byte limit; `shifts` are BitShift of the 64 coefficients."""
    dc = [block[0] for block in blocks]
    depths = [max(abs(x).bit_length() for x in block[1:]) for block in blocks]
    dc_depth = max(_signed_length(x) for x in dc)
    ac_depth = max(depths)
    q = max(_q(dc_depth, ac_depth), shifts[0])
    n = max(dc_depth - q, 1)
    quantised = [x >> q for x in dc]
    if n == 1:
        coded = "".join(_bits(x, 1) for x in quantised)
    else:
        coded = _differences(quantised, n, -(2 ** (n - 1)), 2 ** (n - 1) - 1, options.optimal_dc)
    for b in range(q - 1, max(ac_depth, shifts[0]) - 1, -1):
        coded += "".join(_bits(x >> b, 1) for x in dc)
    if limits.dc_stop or limits.plane_stop >= ac_depth:
        return coded
    if ac_depth == 1:
        coded += "".join(str(depth) for depth in depths)
    else:
        n = ac_depth.bit_length()
        coded += _differences(depths, n, 0, 2**n - 1, options.optimal_ac)
    for b in range(ac_depth - 1, limits.plane_stop - 1, -1):
        stages = limits.stage_stop if b == limits.plane_stop else 4
        coded += "".join(_plane(blocks, depths, shifts, b, q)[: stages + 1])
    return coded


def _signed_length(x: int) -> int:
    """Equation 12."""
    return 1 + (x if x >= 0 else ~x).bit_length()


def _q(dc_depth: int, ac_depth: int) -> int:
    """Table 4-8."""
    if dc_depth <= 3:
        return 0
    if dc_depth - (1 + ac_depth // 2) <= 1:
        return dc_depth - 3
    if dc_depth - (1 + ac_depth // 2) > 10:
        return dc_depth - 10
    return 1 + ac_depth // 2


# --- 4.3.2 --------------------------------------------------------------------------------------------


def _differences(samples: Sequence[int], n: int, low: int, high: int, optimal: bool) -> str:
    coded = ""
    largest_k, id_bits = {2: (0, 1), 3: (2, 2), 4: (2, 2)}.get(n, (6, 3) if n <= 8 else (8, 4))
    for start in range(0, len(samples), GAGGLE):
        gaggle = range(start, min(start + GAGGLE, len(samples)))
        mapped = [_mapped(samples[m] - samples[m - 1], samples[m - 1], low, high) for m in gaggle if m > 0]
        choose = _optimum if optimal else _heuristic
        k = choose(mapped, n, largest_k)
        coded += "1" * id_bits if k is None else _bits(k, id_bits)
        if start == 0:
            coded += _bits(samples[0], n)
        if k is None:
            coded += "".join(_bits(delta, n) for delta in mapped)
        else:
            coded += "".join("0" * (delta >> k) + "1" for delta in mapped)
            coded += "".join(_bits(delta, k) for delta in mapped)
    return coded


def _mapped(difference: int, previous: int, low: int, high: int) -> int:
    """Equation 19."""
    theta = min(previous - low, high - previous)
    if 0 <= difference <= theta:
        return 2 * difference
    if -theta <= difference < 0:
        return 2 * abs(difference) - 1
    return theta + abs(difference)


def _optimum(mapped: Sequence[int], n: int, largest_k: int) -> int | None:
    costs: dict[int | None, int] = {None: n * len(mapped)}
    for k in range(largest_k + 1):
        costs[k] = sum((delta >> k) + 1 + k for delta in mapped)
    return min(costs, key=lambda k: costs[k])  # of equal ones the first


def _heuristic(mapped: Sequence[int], n: int, largest_k: int) -> int | None:
    """Table 4-10."""
    total, j = sum(mapped), len(mapped)
    if 64 * total >= 23 * j * 2**n:
        return None
    if 207 * j > 128 * total:
        return 0
    if j * 2 ** (n + 5) <= 128 * total + 49 * j:
        return n - 2
    return max(k for k in range(n - 1) if j * 2 ** (k + 7) <= 128 * total + 49 * j)


# --- 4.5 ----------------------------------------------------------------------------------------------


def _plane(blocks: Sequence[Block], depths: Sequence[int], shifts: Sequence[int], b: int, q: int) -> list[str]:
    """Bit-plane b: the bits of stages 0 to 4."""
    stages = ["", "", "", "", ""]
    if shifts[0] <= b < q:
        stages[0] = "".join(_bits(block[0] >> b, 1) for block in blocks)
    for start in range(0, len(blocks), GAGGLE):
        active = [m for m in range(start, min(start + GAGGLE, len(blocks))) if depths[m] > b]
        words = [_words(blocks[m], shifts, b) for m in active]
        options = {
            length: _option(length, [w for block in words for stage in block for w in stage]) for length in ID_BITS
        }
        announced: set[int] = set()
        for stage in range(3):
            for by_stage in words:
                stages[1 + stage] += "".join(_code(word, options, announced) for word in by_stage[stage])
    for block, depth in zip(blocks, depths, strict=True):
        if depth > b:
            stages[4] += "".join(_bits(abs(x) >> b, 1) for i, x in enumerate(block) if i and _t(x, shifts[i], b) == 2)
    return stages


def _t(x: int, shift: int, b: int) -> int:
    """The type of an AC coefficient at bit-plane b (4.5.2)."""
    if b < shift:
        return -1
    return 0 if abs(x) < 2**b else 1 if abs(x) < 2 ** (b + 1) else 2


def _words(block: Block, shifts: Sequence[int], b: int) -> tuple[list[Word], list[Word], list[Word]]:
    """The words of stages 1, 2 and 3 (4.5.3.1.8)."""

    def t(i: int, plane: int = b) -> int:
        return _t(block[i], shifts[i], plane)

    def tmax(some: Sequence[int], plane: int = b) -> int:
        return max(t(i, plane) for i in some)

    def tword(types: Iterator[int]) -> str:
        return "".join(str(a_type) for a_type in types if a_type in (0, 1))

    def types(some: Sequence[int]) -> str:
        return "".join(_bits(abs(block[i]) >> b, 1) for i in some if t(i) in (0, 1))

    def signs(some: Sequence[int]) -> Word:
        return "".join("1" if block[i] < 0 else "0" for i in some if t(i) == 1), None

    higher = range(b + 1, 32)

    def ever_above(some: Sequence[int], test: Callable[[int], bool]) -> bool:
        return any(test(tmax(some, plane)) for plane in higher)

    one: list[Word] = [(types(PARENTS), CHILDREN), signs(PARENTS)]
    tran_b = "" if ever_above(B, lambda a: a == 1) else tword(iter([tmax(B)]))
    two: list[Word] = [(tran_b, None)]
    if tran_b == "0" or tmax(B) == -1:
        return one, two, []
    two.append((tword(tmax(D[i]) for i in range(3) if not ever_above(D[i], lambda a: a == 1)), TRAN_D))
    opened = [i for i in range(3) if tmax(D[i]) > 0 or ever_above(D[i], lambda a: a > 0)]
    for i in opened:
        two += [(types(C[i]), CHILDREN), signs(C[i])]
    three: list[Word] = [(tword(tmax(G[i]) for i in opened), GRANDCHILDREN)]
    below = [i for i in range(3) if tmax(G[i]) not in (0, -1)]
    three += [(tword(tmax(H[i][j]) for j in range(4)), GRANDCHILDREN) for i in below]
    for i in below:
        for j in range(4):
            if tmax(H[i][j]) not in (0, -1):
                three += [(types(H[i][j]), GRANDCHILDREN), signs(H[i][j])]
    return one, two, three


def _symbol(word: Word) -> int:
    """Tables 4-12 to 4-14; of words of three bits only those of tranD have a mapping of their own."""
    bits, mapping = word
    assert mapping is not None
    if len(bits) == 2:
        return TWO_BITS[int(bits, 2)]
    if len(bits) == 3:
        return (TRAN_D if mapping is TRAN_D else THREE_BITS)[int(bits, 2)]
    return mapping[int(bits, 2)]


def _option(length: int, words: Sequence[Word]) -> int:
    """The cheapest code option for a gaggle's words of this length; the uncoded one, then the smallest, wins a tie."""
    symbols = [_symbol(word) for word in words if word[1] is not None and len(word[0]) == length]
    costs = {option: sum(len(CODES[length][option].split()[s]) for s in symbols) for option in CODES[length]}
    return min(costs, key=lambda option: (costs[option], option != UNCODED[length], option))


def _code(word: Word, options: dict[int, int], announced: set[int]) -> str:
    """A word as it is, or its codeword, after the option where it is the first of its length (4.5.3.3.6)."""
    bits, mapping = word
    length = len(bits)
    if mapping is None or length < 2:
        return bits
    identifier = "" if length in announced else _bits(options[length], ID_BITS[length])
    announced.add(length)
    return identifier + CODES[length][options[length]].split()[_symbol(word)]


def _bits(value: int, count: int) -> str:
    """The low bits of a number, in two's complement where it is negative."""
    return format(value & ((1 << count) - 1), f"0{count}b") if count else ""
