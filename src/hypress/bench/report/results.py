"""Rows as questions are asked of them: by contender, scene and goal; as curves; over all scenes."""

from __future__ import annotations

import statistics as plain_statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hypress.bench.goals import goal_words
from hypress.bench.rows import MEASURED, Row, measured
from hypress.bench.statistics import Mean, mean, pooled_bd_rate
from hypress.goal import Goal, Lossless, Psnr, Rate, SpectralAngle, goal_from_dict
from hypress.once import once

HIGHLIGHTED = (5, 3)
"""How many of ours and of the others' are shown in colour: the best by BD-rate."""
REFERENCE = "pca_jpeg2000"


@dataclass(frozen=True, eq=False)
class Results:
    """The rows of a benchmark."""

    rows: list[Row]
    reference: str | None = None
    """The contender that BD-rates are against; None: `pca_jpeg2000`, or the first that has curves."""

    @once
    def measured(self) -> list[Row]:
        """Rows with figures."""
        return measured(self.rows)

    @once
    def scenes(self) -> dict[str, dict[str, Any]]:
        """Facts of each scene by name, in the order of the rows."""
        return {row["scene"]["name"]: row["scene"] for row in self.rows}

    @once
    def contenders(self) -> dict[str, str]:
        """Family of each contender that has been measured: ours first, each family by name."""
        found = {row["contender"]: row["family"] for row in self.measured}
        order = {"hypress": 0, "peer": 1, "external": 2}
        return dict(sorted(found.items(), key=lambda item: (order.get(item[1], 3), item[0])))

    @once
    def goals(self) -> dict[str, Goal]:
        """Goals by their words, rates first and rising, lossless last."""
        found = {goal_words(goal): goal for goal in (goal_from_dict(row["goal"]) for row in self.rows)}
        kinds = [Rate, Psnr, SpectralAngle]

        def order(item: tuple[str, Goal]) -> tuple[int, float]:
            kind = next((k for k, kind in enumerate(kinds) if isinstance(item[1], kind)), 8)
            first = getattr(item[1], item[1].__struct_fields__[0]) if item[1].__struct_fields__ else 0.0
            return (9 if isinstance(item[1], Lossless) else kind), float(first)

        return dict(sorted(found.items(), key=order))

    @once
    def _cells(self) -> dict[tuple[str, str, str], Row]:
        return {(r["contender"], r["scene"]["name"], goal_words(goal_from_dict(r["goal"]))): r for r in self.rows}

    def row(self, contender: str, scene: str, goal: str) -> Row | None:
        """A measured cell."""
        found = self._cells.get((contender, scene, goal))
        return found if found is not None and found["status"] == MEASURED else None

    def curve(self, contender: str, scene: str, metric: str = "psnr_db") -> list[tuple[float, float]]:
        """`(bits per sample, metric)` of the lossy rows whose knob was turned, by rate."""
        points = []
        for words, goal in self.goals.items():
            found = self.row(contender, scene, words)
            if isinstance(goal, Rate | Psnr | SpectralAngle) and found and found["quality"].get(metric) is not None:
                points.append((found["bpppc"], found["quality"][metric]))
        return sorted(points)

    @once
    def curved(self) -> list[str]:
        """Contenders with a curve somewhere."""
        return [c for c in self.contenders if any(len(self.curve(c, s)) > 1 for s in self.scenes)]

    @once
    def against(self) -> str | None:
        """The reference of BD-rates."""
        wanted = [self.reference, REFERENCE, *self.curved]
        return next((name for name in wanted if name in self.curved), None)

    def bd_rate(self, contender: str, reference: str) -> Mean | None:
        """Pooled over scenes: −0.1 is 10 % fewer bits at equal PSNR."""
        return pooled_bd_rate([(self.curve(contender, s), self.curve(reference, s)) for s in self.scenes])

    @once
    def places(self) -> dict[str, int]:
        """Contender to its place in the palette, of those that are shown in colour."""
        reference = self.against
        if reference is None:
            return {name: place for place, name in enumerate(list(self.contenders)[: sum(HIGHLIGHTED)])}

        def rank(name: str) -> tuple[bool, float]:
            found = self.bd_rate(name, reference)
            if found is not None:
                return False, found.value
            tops = [curve[-1][1] for scene in self.scenes if (curve := self.curve(name, scene))]
            return True, -plain_statistics.mean(tops)

        best: list[str] = []
        for ours, count in zip((True, False), HIGHLIGHTED, strict=True):
            group = [c for c in self.curved if (self.contenders[c] == "hypress") == ours]
            best += sorted(group, key=rank)[:count]
        return {name: place for place, name in enumerate(best)}

    def over_scenes(self, contender: str, goal: str, figure: Callable[[Row], float | None]) -> Mean | None:
        """The mean of a figure over scenes, with its confidence."""
        rows = (self.row(contender, scene, goal) for scene in self.scenes)
        return mean([figure(row) for row in rows if row is not None])

    def median(self, contender: str, figure: Callable[[Row], float | None], goals: Iterable[str]) -> float | None:
        """The median of a figure over scenes, under the first of `goals` that the contender has rows of."""
        for goal in goals:
            rows = (self.row(contender, scene, goal) for scene in self.scenes)
            values = [value for row in rows if row is not None and (value := figure(row)) is not None]
            if values:
                return plain_statistics.median(values)
        return None

    @once
    def timed_goals(self) -> list[str]:
        """Goals whose rows were timed alone."""
        found = {goal_words(goal_from_dict(r["goal"])) for r in self.measured if "encode_s" in r["times"]}
        return [words for words in self.goals if words in found]

    @once
    def shown_goal(self) -> str | None:
        """The lowest rate: where pictures, spectra and bands are shown."""
        return next((words for words, goal in self.goals.items() if isinstance(goal, Rate)), None)


def speed(which: str) -> Callable[[Row], float | None]:
    """Megabytes of samples per second, of `encode` or `decode`, as timed alone."""

    def figure(row: Row) -> float | None:
        seconds = row["times"].get(f"{which}_s")
        return row["scene"]["bytes"] / 1e6 / seconds if seconds else None

    return figure


def memory(which: str) -> Callable[[Row], float | None]:
    """Peak memory of `encode` or `decode`, in bytes for a byte of the scene."""

    def figure(row: Row) -> float | None:
        taken = (row.get("memory") or {}).get(f"{which}_bytes")
        return None if taken is None else taken / row["scene"]["bytes"]

    return figure


def quality(name: str) -> Callable[[Row], float | None]:
    """A figure of quality."""
    return lambda row: row["quality"].get(name)


def rate(row: Row) -> float | None:
    """Bits per sample."""
    return row["bpppc"]
