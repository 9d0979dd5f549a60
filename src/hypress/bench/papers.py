"""The tables of the papers as presets: what they print, beside what is measured here, and what differs.

A preset is a TOML file in `presets/`: blocks of one table, scene and goal, each with rows of `[method, printed value,
contender, remark]`. A row without a contender, or a block without a scene of ours, is one that cannot be had: its
remark, or the block's `differs`, says why. A contender that is not there yet is a row that says so, and is measured
once it is there.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from hypress.bench.contender import Contender
from hypress.bench.entrants import find_contender
from hypress.bench.goals import parse_goal
from hypress.bench.measure import Item
from hypress.bench.report.tables import DASH, Table
from hypress.bench.rows import MEASURED, Row
from hypress.bench.run import LIMIT_S, plan
from hypress.bench.scenes import Source
from hypress.errors import ConfigurationError, UnknownCodecError
from hypress.goal import Goal
from hypress.whole import write_whole

_WORDS = frozenset({9})
UNITS = {
    "quality.psnr_db": ("PSNR, dB", "{:.2f}"),
    "quality.mean_band_psnr_db": ("mean PSNR of bands, dB", "{:.2f}"),
    "quality.ssim": ("SSIM", "{:.4f}"),
    "quality.sam_deg": ("spectral angle, °", "{:.2f}"),
    "bpppc": ("bits per sample", "{:.4f}"),
    "times.goal_s": ("seconds to compress", "{:.2f}"),
    "times.first_decode_s": ("seconds to decompress", "{:.3f}"),
}
"""Figures that a block may compare: their place in a row, how they are called and written."""


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scene and goal of a table."""

    table: str
    scene: str
    """As the paper calls it."""
    goal: str
    rows: list[list[Any]]
    ours: str | None = None
    """The scene here that comes nearest; None: there is none."""
    figure: str = "quality.psnr_db"
    peak: float | None = None
    """The peak of the paper's PSNR; None: the scene's maximum, as here."""
    differs: str = ""


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A paper's tables."""

    title: str
    source: str
    note: str
    block: list[Block]
    limit_s: float = LIMIT_S
    """A row that takes longer is given up."""


@dataclass(frozen=True)
class Cell:
    """One printed value, and what answers to it here."""

    block: Block
    method: str
    printed: float
    """NaN: the paper prints none; what is measured stands beside its rows for comparison."""
    contender: str
    remark: str
    item: Item | None = None
    """What is measured for it; None: nothing, and `remark` says why."""


def presets() -> list[str]:
    """Their names, sorted."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def read_preset(name: str) -> Preset:
    """The preset of that name. Raises ConfigurationError."""
    if name not in presets():
        raise ConfigurationError(f"there is no preset {name!r}; there are: {', '.join(presets())}")
    return msgspec.convert(tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8")), Preset)


def cells_of(preset: Preset, sources: Sequence[Source]) -> list[Cell]:
    """Every printed value with its item, or with why there is none. Loads each scene that is needed once."""
    by_name = {source.name: source for source in sources}
    facts: dict[tuple[str, str, str], Item] = {}
    cells = []
    for block in preset.block:
        for method, printed, *rest in block.rows:
            contender, remark = (*rest, "", "")[:2]
            cell = Cell(block, method, printed, contender, remark or block.differs)
            cells.append(_with_item(cell, by_name, facts))
    return cells


def _with_item(cell: Cell, sources: dict[str, Source], made: dict[tuple[str, str, str], Item]) -> Cell:
    block = cell.block
    if not cell.contender or block.ours is None:
        return cell
    if block.ours not in sources:
        return _because(cell, f"scene {block.ours} was not given")
    try:
        found: Contender = find_contender(cell.contender)
    except (UnknownCodecError, ConfigurationError):
        return _because(cell, f"codec {cell.contender} is not installed or not available")
    key = (cell.contender, block.ours, block.goal)
    if key not in made:
        goal: Goal = parse_goal(block.goal)
        (made[key],) = plan([found], [sources[block.ours]], [goal])
    return Cell(block, cell.method, cell.printed, cell.contender, cell.remark, made[key])


def _because(cell: Cell, reason: str) -> Cell:
    return Cell(cell.block, cell.method, cell.printed, cell.contender, f"{reason}; {cell.remark}".rstrip("; "))


def items_of(cells: Sequence[Cell]) -> list[Item]:
    """What is to be measured, each thing once."""
    return list({cell.item.key: cell.item for cell in cells if cell.item is not None}.values())


def side_by_side(name: str, preset: Preset, cells: Sequence[Cell], rows: dict[str, Row]) -> Table:
    """Printed and measured, one line each."""
    lines = []
    for cell in cells:
        label, form = UNITS[cell.block.figure]
        row = rows.get(cell.item.key) if cell.item is not None else None
        measured, remark = DASH, cell.remark
        if row is not None and row["status"] == MEASURED:
            value = figure_of(row, cell.block)
            measured = "∞" if value is None else form.format(value)
            if cell.block.figure != "bpppc":
                measured += f" at {row['bpppc']:.4f}"
        elif row is not None:
            remark = f"{row['status']}: {row['reason']}; {remark}".rstrip("; ")
        lines.append(
            [
                cell.method,
                cell.block.table,
                cell.block.scene,
                cell.block.goal.replace("=", " "),
                label,
                DASH if math.isnan(cell.printed) else f"{cell.printed:g}",
                measured,
                cell.contender or DASH,
                cell.block.ours or DASH,
                remark,
            ]
        )
    columns = ["method", "table", "scene", "at", "figure", "paper", "measured at bits per sample", "here", "scene here",
               "what differs"]  # fmt: skip
    return Table(f"paper-{name}", preset.title, columns, lines, f"{preset.source} {preset.note}", words=_WORDS)


def keep(folder: Path, table: Table) -> None:
    """Put a finished table beside the rows, where the report finds it."""
    plain = {"name": table.name, "title": table.title, "columns": table.columns, "rows": table.rows, "note": table.note}
    write_whole(folder / f"{table.name}.json", json.dumps(plain, ensure_ascii=False).encode())


def kept(folder: Path) -> list[Table]:
    """The tables that runs have put beside the rows."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("paper-*.json"))]
    return [Table(**plain, words=_WORDS) for plain in found]


def figure_of(row: Row, block: Block) -> float | None:
    """The figure that a block compares; PSNR against the paper's peak. None: infinite, or not measured."""
    if block.figure == "quality.psnr_db" and block.peak is not None:
        mse = row["quality"]["mse"]
        return 20 * math.log10(block.peak) - 10 * math.log10(mse) if mse else None
    value = reduce(lambda part, name: part[name], block.figure.split("."), row)
    return value  # type: ignore[return-value]


def _folder() -> Any:
    return resources.files("hypress.bench") / "presets"
