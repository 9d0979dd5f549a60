"""The words of coding stages 1 to 3 and their variable-length codes (CCSDS 122.0-B-2, 4.5.3.2 and 4.5.3.3).

A *token* is what a kernel keeps of a word until the options of its gaggle are known: its number among all words
there are (`NULL`, then those of one to four bits, see `FIRST`), and the sign bits that follow it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# --- as the standard prints them ----------------------------------------------------------------------

# fmt: off
TWO_BITS = (0, 2, 1, 3)
"""Table 4-12: word to symbol."""
THREE_BITS = (1, 4, 0, 5, 2, 6, 3, 7)
TRAN_D = (-1, 3, 0, 4, 1, 5, 2, 6)
"""Table 4-13; −1 marks a word that cannot be."""
CHILDREN = (10, 1, 3, 6, 2, 5, 9, 12, 0, 8, 7, 13, 4, 14, 11, 15)
GRANDCHILDREN = (-1, 1, 3, 6, 2, 5, 9, 11, 0, 8, 7, 12, 4, 13, 10, 14)
"""Table 4-14: typesb[Ci]; typesb[Hij] and tranHi."""

CODES = {
    2: {0: "1 01 001 000",
        1: "00 01 10 11"},
    3: {0: "1 01 001 00000 00001 00010 000110 000111",
        1: "10 11 010 011 0010 0011 0000 0001",
        3: "000 001 010 011 100 101 110 111"},
    4: {0: "1 01 001 0001 0000000 0000001 0000010 0000011 "
           "00001000 00001001 00001010 00001011 00001100 00001101 00001110 00001111",
        1: "10 11 010 011 0010 0011 000000 000001 000010 000011 000100 000101 0001100 0001101 0001110 0001111",
        2: "100 101 110 111 0100 0101 0110 0111 00100 00101 00110 00111 00000 00001 00010 00011",
        3: "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111"},
}
"""Tables 4-15 to 4-17: bits of a word, code option by its identifier (table 4-18), codewords by symbol."""
# fmt: on

ID_BITS = {2: 1, 3: 2, 4: 2}
"""Table 4-18."""
UNCODED = {2: 1, 3: 3, 4: 3}

# --- the same for kernels -----------------------------------------------------------------------------

MAPPINGS = ((2, TWO_BITS), (3, THREE_BITS), (3, TRAN_D), (4, CHILDREN), (4, GRANDCHILDREN))
"""Bits and mapping of each kind of word that is entropy coded."""
KIND_TWO, KIND_THREE, KIND_TRAN_D, KIND_CHILDREN, KIND_GRANDCHILDREN = range(5)

NULL = 0
ONE_BIT = 1
FIRST = (3, 7, 15, 23, 39)
"""Number of the first word of each kind, after the null word and the two of one bit."""
WORDS = 55


def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    bits_of = np.zeros(64, np.uint8)
    code, length = np.zeros((64, 4), np.uint8), np.zeros((64, 4), np.uint8)
    code[ONE_BIT : ONE_BIT + 2] = np.array([[0], [1]])
    length[ONE_BIT : ONE_BIT + 2] = 1
    for first, (bits, mapping) in zip(FIRST, MAPPINGS, strict=True):
        for word, symbol in enumerate(mapping):
            bits_of[first + word] = bits
            length[first + word] = 15  # longer than any, where there is no such option
            for option, codewords in CODES[bits].items():
                codeword = codewords.split()[symbol]
                code[first + word, option], length[first + word, option] = int(codeword, 2), len(codeword)
    length[:ONE_BIT] = 0
    packed = (length.astype(np.int64) << np.array([0, 16, 32, 48])).sum(axis=1)
    packed[bits_of == 0] = 0
    return bits_of, code.reshape(-1), length.reshape(-1), packed


BITS_OF, CODE, LENGTH, LENGTHS = _tables()
"""Of each word its bits if it is entropy coded, else 0; codeword and length at `4 * word + option`; and the lengths
under all four options in one number, so that sums over a gaggle are four sums at once."""


def _gather(bits: int) -> NDArray[np.uint8]:
    """At `mask << bits | value`: the bits of the value that the mask selects, moved together to the right."""
    size = 1 << bits
    table = np.zeros((size, size), np.uint8)
    values = np.arange(size)
    for mask in range(size):
        place = 0
        for bit in range(bits):
            if mask >> bit & 1:
                table[mask] |= ((values >> bit & 1) << place).astype(np.uint8)
                place += 1
    return table.reshape(-1)


def _spread(bits: int) -> NDArray[np.uint8]:
    """At `mask << bits | value`: the low bits of the value, moved apart to where the mask has ones."""
    size = 1 << bits
    table = np.zeros((size, size), np.uint8)
    values = np.arange(size)
    for mask in range(size):
        place = 0
        for bit in range(bits):
            if mask >> bit & 1:
                table[mask] |= ((values >> place & 1) << bit).astype(np.uint8)
                place += 1
    return table.reshape(-1)


GATHER4, GATHER8, SPREAD4, SPREAD8 = _gather(4), _gather(8), _spread(4), _spread(8)
ONES = np.array([value.bit_count() for value in range(256)], np.uint8)
"""How many bits of a byte are ones."""


_CHILDREN = (KIND_TWO, KIND_THREE, KIND_CHILDREN)
_GRANDCHILDREN = (KIND_TWO, KIND_THREE, KIND_GRANDCHILDREN)
_TRAN_D = (KIND_TWO, KIND_TRAN_D, KIND_CHILDREN)
"""Of which kind words of two, three and four bits are: types[P] and types[C]; types[H], tranH and tranG; tranD."""


def _numbers(kinds: tuple[int, ...]) -> NDArray[np.uint8]:
    """At `mask << 4 | value`: the number of the word of the value's bits that the mask selects."""
    starts = np.array([NULL, ONE_BIT, *(FIRST[kind] for kind in kinds)])
    return (starts[ONES[np.arange(256) >> 4]] + GATHER4).astype(np.uint8)


CHILDREN_NUMBER, GRANDCHILDREN_NUMBER, TRAN_D_NUMBER = map(_numbers, (_CHILDREN, _GRANDCHILDREN, _TRAN_D))

READ_CHILDREN, READ_GRANDCHILDREN, READ_TRAN_D = (n << 14 for n in range(3))
ILLEGAL_WORD = 1 << 15


def _readings() -> NDArray[np.uint16]:
    table = np.full((3, 4, 16, 256), ILLEGAL_WORD, np.uint16)
    for reading, kinds in enumerate((_CHILDREN, _GRANDCHILDREN, _TRAN_D)):
        for mask in range(16):
            length = int(ONES[mask])
            for option in range(4):
                for word, codeword in enumerate(_codewords(length, option, kinds)):
                    if codeword is not None:
                        free = 8 - len(codeword)
                        start = int("0" + codeword, 2) << free
                        places = int(SPREAD4[mask << 4 | word])
                        entry = places | len(codeword) << 4 | places.bit_count() << 8
                        table[reading, option, mask, start : start + (1 << free)] = entry
    return table.reshape(-1)


def _codewords(length: int, option: int, kinds: tuple[int, ...]) -> Sequence[str | None]:
    """Codeword by word; None where the word cannot be, nothing where there is no such option."""
    if length < 2:
        return [[""], ["0", "1"]][length]
    codewords = CODES[length].get(option, "").split()
    symbols = MAPPINGS[kinds[length - 2]][1]
    return [codewords[symbol] if symbol >= 0 else None for symbol in symbols] if codewords else []


READING = _readings()
"""At `READ_… | option << 12 | mask << 8 | next eight bits`: the bits of the word in the places that the mask selects,
the length of its codeword << 4, and how many of the bits are ones << 8; or `ILLEGAL_WORD`."""
