"""The readable reference of `coder`, `spiht` and `speck`: the algorithms as their papers have them, on plain lists.

The tests hold the kernels against it, byte for byte. It is slow: every set is searched whenever it is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hypress.bitplane import speck, spiht
from hypress.bitplane.coder import MEMORY
from hypress.bitplane.forest import Forest
from hypress.bitplane.neighbours import NEAR
from hypress.entropy.rangecoder import Context, Decoder, Encoder

Code = Callable[[int, int], int]
"""Context and bit to bit: an encoder writes it, a decoder ignores it and returns the one it reads."""


class Ended(Exception):
    """The bytes are spent."""


class Writer:
    """Decisions to at most `size` bytes."""

    def __init__(self, size: int, contexts: int, *, arithmetic: bool) -> None:
        self.size, self.bits = size, ""
        self.encoder = Encoder() if arithmetic else None
        self.contexts = [Context() for _ in range(contexts)]

    def code(self, context: int, bit: int) -> int:
        """Write a decision. Raises Ended."""
        if self.encoder is None:
            if len(self.bits) == 8 * self.size:
                raise Ended
            self.bits += str(bit)
        else:
            if self.encoder.shifts > self.size:
                raise Ended
            self.encoder.bit(bit, self.contexts[context], MEMORY)
        return bit

    def written(self) -> bytes:
        """The bytes: so many that whatever follows them changes nothing, or as many as fit."""
        if self.encoder is None:
            return bytes(int(self.bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(self.bits), 8))
        top = -(-self.encoder.low >> 16)
        return top.to_bytes(self.encoder.shifts + 2, "big")[: self.size]


class Reader:
    """Decisions from bytes."""

    def __init__(self, data: bytes, contexts: int, *, arithmetic: bool) -> None:
        self.data, self.bits = data, iter("".join(f"{byte:08b}" for byte in data))
        self.decoder = Decoder(data) if arithmetic else None
        self.contexts = [Context() for _ in range(contexts)]

    def code(self, context: int, bit: int) -> int:
        """Read a decision. Raises Ended where not all continuations of the bytes agree on it."""
        if self.decoder is None:
            read = next(self.bits, None)
            if read is None:
                raise Ended
            return int(read)
        unknown = max(0, self.decoder.position - len(self.data))
        bound = (self.decoder.range >> 16) * self.contexts[context].chance
        least = self.decoder.code
        if unknown and (least < bound) != (least + 256**unknown - 1 < bound):
            raise Ended
        return self.decoder.bit(self.contexts[context], MEMORY)


@dataclass
class Nodes:
    """What is known of the coefficients of a forest: all to an encoder, nothing yet to a decoder."""

    forest: Forest
    floors: Sequence[int]
    magnitudes: list[int]
    negative: list[int]
    known: dict[int, int] = field(default_factory=dict)
    """The plane down to which each significant coefficient was told."""

    @property
    def roots(self) -> range:
        """Nodes without a parent."""
        return range(int(self.forest.first[0]))

    def children(self, n: int) -> range:
        """The children of a node."""
        return range(int(self.forest.first[n]), int(self.forest.first[n + 1]))

    def below(self, n: int) -> Iterator[int]:
        """All descendants of a node."""
        for k in self.children(n):
            yield k
            yield from self.below(k)

    def cuts(self, n: int) -> int:
        """How often in a row a set can be cut."""
        return max((1 + self.cuts(k) for k in self.children(n)), default=0)

    def parents(self) -> dict[int, int]:
        """The parent of each node but the roots."""
        return {k: n for n in range(self.forest.nodes) for k in self.children(n)}

    def possible(self, nodes: Iterator[int] | list[int], plane: int) -> bool:
        """Whether any of them may have a bit in a plane."""
        return any(plane >= self.floors[n] for n in nodes)

    def reach(self, nodes: Iterator[int] | list[int], plane: int) -> int:
        """Whether any of them has that bit."""
        return int(any(self.magnitudes[n] >> plane & 1 for n in nodes))

    def significant(self, nodes: range) -> int:
        """How many of them are significant so far; from three on it makes no difference."""
        return min(sum(n in self.known for n in nodes), 3)

    def near(self, n: int) -> int:
        """The context of `neighbours` for a node."""
        _, rows, columns = self.forest.shape
        place = int(self.forest.places[n])
        if place < 0:
            return 0
        seen = {int(self.forest.places[k]) for k in self.known}
        plane = sum(place + step in seen for step in (-1, 1, -columns, columns))
        beyond = sum(place + step in seen for step in (-rows * columns, rows * columns))
        return min((2 * plane + beyond + 1) // 2, NEAR - 1)

    def find(self, n: int, plane: int, sign_context: int, code: Code) -> None:
        """Code the sign of a coefficient that becomes significant."""
        self.negative[n] = code(sign_context, self.negative[n])
        self.magnitudes[n] |= 1 << plane
        self.known[n] = plane

    def refine(self, nodes: list[int], plane: int, context: int, code: Code) -> None:
        """The refinement pass over significant coefficients."""
        for n in nodes:
            if plane >= self.floors[n]:
                first_time = self.magnitudes[n] >> (plane + 1) == 1
                self.magnitudes[n] |= code(context + first_time, self.magnitudes[n] >> plane & 1) << plane
                self.known[n] = plane


def code_spiht(nodes: Nodes, planes: int, code: Code) -> None:
    """SPIHT (Said and Pearlman 1996, section IV). Raises Ended."""
    children, below, parents = nodes.children, nodes.below, nodes.parents()
    lip = list(nodes.roots)
    lis = [("D", n) for n in nodes.roots if children(n)]
    lsp: list[int] = []

    def siblings(n: int) -> int:
        return nodes.significant(children(parents[n]) if n in parents else nodes.roots)

    def grandchildren(n: int) -> list[int]:
        return [m for k in children(n) for m in below(k)]

    for plane in reversed(range(planes)):
        old = list(lsp)
        lip, tried = [], lip
        for n in tried:
            if plane < nodes.floors[n]:
                continue
            context = spiht.AGAIN + siblings(n) + 4 * (parents.get(n) in nodes.known)
            if code(context, nodes.reach([n], plane)):
                nodes.find(n, plane, spiht.SIGN, code)
                lsp.append(n)
            else:
                lip.append(n)
        waiting: list[tuple[str, int]] = []
        while lis:
            kind, n = lis.pop(0)
            further = any(children(k) for k in children(n))
            opened = False
            if kind == "D" and nodes.possible(below(n), plane):
                context = spiht.SET + siblings(n) + 4 * (n in nodes.known) + 8 * further
                if not code(context, nodes.reach(below(n), plane)):
                    waiting.append(("D", n))
                    continue
                found = 0
                for k in children(n):
                    if plane < nodes.floors[k]:
                        continue
                    left = children(n).stop - k - 1
                    implied = not (found or further or left)
                    context = spiht.CHILD + nodes.significant(children(n)) + 4 * (n in nodes.known)
                    context += 8 * min(left, 3) + 32 * (len(children(k)) > 0)
                    if implied or code(context, nodes.reach([k], plane)):
                        nodes.find(k, plane, spiht.SIGN, code)
                        lsp.append(k)
                        found += 1
                    else:
                        lip.append(k)
                if further and found:
                    lis.append(("L", n))
                opened = further and not found
            elif kind == "L" and nodes.possible(grandchildren(n), plane):
                context = spiht.DEEPER + nodes.significant(children(n))
                opened = bool(code(context, nodes.reach(grandchildren(n), plane)))
                if not opened:
                    waiting.append(("L", n))
            if opened:
                lis += [("D", k) for k in children(n) if children(k)]
        lis = waiting
        nodes.refine(old, plane, spiht.REFINEMENT, code)


def code_speck(nodes: Nodes, planes: int, code: Code) -> None:
    """3-D SPECK (Tang and Pearlman 2006, section 3). Raises Ended."""
    children, parents = nodes.children, nodes.parents()
    lis = list(nodes.roots)
    lsp: list[int] = []
    hit: dict[int, int] = {}

    def members(n: int) -> list[int]:
        return [k for k in (n, *nodes.below(n)) if not children(k)]

    def process(n: int, plane: int) -> None:
        """A set that is significant."""
        if not children(n):
            nodes.find(n, plane, speck.SIGN, code)
            lsp.append(n)
            return
        hit[n] = 0
        for k in children(n):
            if not nodes.possible(members(k), plane):
                continue
            left = children(n).stop - k - 1
            context = 16 * min(nodes.cuts(k), 15) + 4 * min(hit[n], 3) + min(left, 3)
            context = speck.PART + NEAR * context + nodes.near(k)
            if not (hit[n] or left) or code(context, nodes.reach(members(k), plane)):
                hit[n] += 1
                process(k, plane)
            else:
                lis.append(k)

    for plane in reversed(range(planes)):
        old = list(lsp)
        tried = sorted(lis, key=nodes.cuts)
        lis.clear()
        for n in tried:
            if not nodes.possible(members(n), plane):
                continue
            parent = parents.get(n, -1)  # roots are siblings
            context = NEAR * (4 * min(nodes.cuts(n), 15) + min(hit.get(parent, 0), 3)) + nodes.near(n)
            if code(context, nodes.reach(members(n), plane)):
                hit[parent] = hit.get(parent, 0) + 1
                process(n, plane)
            else:
                lis.append(n)
        nodes.refine(old, plane, speck.REFINEMENT, code)
