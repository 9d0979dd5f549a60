"""The low-entropy codes of annex B as words and trees, from the data in `annex_b`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hypress.ccsds123.annex_b import CODES, FLUSHES, LIMITS, THRESHOLDS

Word = tuple[int, ...]


@dataclass(frozen=True)
class Code:
    """One code: symbols are 0 … `limit`, and `limit` + 1 for the escape X."""

    limit: int
    threshold: int
    words: dict[Word, str]
    """Complete input words, and the bits that stand for each."""
    flushes: dict[Word, str]
    """Active prefixes, and the bits that end the stream with each."""


@cache
def codes() -> tuple[Code, ...]:
    """All sixteen."""
    return tuple(_code(*data) for data in zip(LIMITS, THRESHOLDS, CODES, FLUSHES, strict=True))


def _code(limit: int, threshold: int, leaves: str, flushes: str) -> Code:
    words, prefixes = {}, []
    at: list[int] = []  # the path from the root to where the tree has been walked
    for leaf in leaves.split():
        depth, bits = leaf.split(".")
        while len(at) < int(depth):
            prefixes.append(tuple(at))
            at.append(0)
        words[tuple(at)] = _bits(bits)
        while at and at[-1] == limit + 1:
            at.pop()
        if at:
            at[-1] += 1
    return Code(limit, threshold, words, dict(zip(prefixes, map(_bits, flushes.split()), strict=True)))


def _bits(word: str) -> str:
    return format(int(word, 16), "b")[1:]
