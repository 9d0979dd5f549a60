"""One row: a contender meets a goal on a scene, and everything is measured on what a reader would decode."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.bench import rows
from hypress.bench.contender import Contender, Settings
from hypress.bench.exhibits import Exhibit
from hypress.bench.machine import machine, versions
from hypress.bench.ours import extra_of
from hypress.bench.rows import Row
from hypress.bench.scenes import Scene, Source
from hypress.bench.tasks import Tasks
from hypress.errors import CodestreamError, ConfigurationError, GoalError, HypressError, MissingExtraError, WeightsError
from hypress.goal import Goal, Lossless, MaxError, Psnr, Rate, SpectralAngle, goal_to_dict
from hypress.memory import peak_memory
from hypress.metrics import Tally, bpppc, ratio, ssim

if TYPE_CHECKING:
    from numpy.typing import NDArray

WARM = 16
"""Side of the corner of the scene on which a contender is tried first, so that nothing measured compiles or imports."""


@dataclass(frozen=True)
class Item:
    """A cell of the matrix, to be measured."""

    contender: Contender
    source: Source
    facts: dict[str, Any]
    """Of the scene; see `Scene.facts`."""
    goal: Goal
    version: str | None
    """None: it is not installed."""
    reason: str = ""

    @property
    def key(self) -> str:
        """The name of its row."""
        return rows.key_of(self.about | {"scene": self.facts["digest"], "version": self.version})

    @property
    def about(self) -> dict[str, Any]:
        """What tells contender and goal."""
        return {
            "contender": self.contender.name,
            "family": self.contender.family,
            "configuration": self.contender.configuration,
            "goal": goal_to_dict(self.goal),
        }

    def row(self, status: str, **figures: Any) -> Row:
        """Its row."""
        return {
            "key": self.key,
            **self.about,
            "scene": self.facts,
            "version": self.version,
            "status": status,
            **figures,
            "versions": versions(),
            "machine": machine(),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
        }


@dataclass(frozen=True)
class Wanted:
    """What is measured besides bytes, error, angle, time and memory."""

    ssim: bool = True
    tasks: bool = True
    exhibits: str | None = None
    """The folder for pictures and spectra; None for a row without."""


def version_of(contender: Contender) -> tuple[str | None, str]:
    """A contender's version, or None and why it cannot run here."""
    try:
        return contender.version(), ""
    except (HypressError, ImportError) as error:
        extra = extra_of(contender)
        return None, str(error) + (f" (hypress[{extra}])" if extra and extra not in str(error) else "")


def measure(item: Item, wanted: Wanted) -> Row:
    """The row of one item, whatever happens: what cannot be measured says why."""
    try:
        return _measured(item, item.source.load(), wanted)
    except (GoalError, ConfigurationError) as error:  # it has no such form, or takes no such scene
        return item.row(rows.REFUSED, reason=str(error))
    except (MissingExtraError, WeightsError) as error:
        return item.row(rows.MISSING, reason=str(error))
    except MemoryError:
        return item.row(rows.FAILED, reason="there was not enough memory")
    except Exception as error:  # anyone's codec may do anything: the run goes on, and the row says what it did
        return item.row(rows.FAILED, reason=f"{type(error).__name__}: {error}")


def _measured(item: Item, scene: Scene, wanted: Wanted) -> Row:
    contender, samples = item.contender, scene.samples
    warm_up(contender, samples, item.goal)
    begun, used = time.perf_counter(), time.process_time()
    met, encode_memory = peak_memory(lambda: contender.meet(samples, item.goal))
    goal_s, goal_cpu_s = time.perf_counter() - begun, time.process_time() - used
    begun = time.perf_counter()
    decoded, decode_memory = peak_memory(lambda: contender.decode(met.data, samples.shape, samples.dtype))  # type: ignore[arg-type]
    decode_s = time.perf_counter() - begun
    if decoded.shape != samples.shape or decoded.dtype != samples.dtype:
        raise CodestreamError(f"decoded to {decoded.dtype} {decoded.shape}, not {samples.dtype} {samples.shape}")
    tally = Tally.of(samples, decoded)
    rate = bpppc(len(met.data), samples.shape)
    outside = contender.family == "external"  # its memory is another process's
    row = item.row(
        rows.MEASURED,
        settings=met.settings,
        bytes=len(met.data),
        streams=contender.streams(met.data),
        bpppc=rate,
        ratio=ratio(len(met.data), samples.shape, samples.dtype),
        quality=quality(samples, decoded, tally, wanted.ssim),
        kept=kept(item.goal, tally, rate),
        band_rmse=band_rmse(tally),
        times={"goal_s": goal_s, "goal_cpu_s": goal_cpu_s, "first_decode_s": decode_s},
        memory=None if outside else {"encode_bytes": encode_memory, "decode_bytes": decode_memory},
        weights=contender.weights(),
    )
    if wanted.tasks:
        row["task"] = Tasks(scene).compare(decoded)
    if wanted.exhibits is not None:
        Exhibit.of(scene).write(Path(wanted.exhibits), item.key, decoded)
    return row


def quality(samples: NDArray[Any], decoded: NDArray[Any], tally: Tally, with_ssim: bool) -> dict[str, Any]:
    """Every figure of `docs/metrics.md`; decibels are None where nothing was lost."""
    same = tally.max_error == 0
    return {
        "mse": tally.mse,
        "psnr_db": tally.psnr_db(),
        "psnr_peak": tally.peak,
        "mean_band_psnr_db": tally.mean_band_psnr_db(),
        "snr_db": tally.snr_db,
        "max_error": tally.max_error,
        "mean_error": tally.mean_error,
        "sam_deg": tally.sam_deg,
        "max_sam_deg": tally.max_sam_deg,
        "ssim": (1.0 if same else ssim(samples, decoded, peak=tally.peak or None)) if with_ssim else None,
    }


def kept(goal: Goal, tally: Tally, rate: float) -> bool:
    """Whether the goal was kept, measured here and not by the contender."""
    if isinstance(goal, Lossless):
        return tally.max_error == 0
    if isinstance(goal, MaxError):
        return tally.max_error <= goal.dn
    if isinstance(goal, Rate):
        return rate <= goal.bpppc * (1 + 1e-9)
    if isinstance(goal, Psnr):
        return tally.psnr_db(goal.peak) >= goal.db - 1e-6
    return not isinstance(goal, SpectralAngle) or tally.sam_deg <= goal.deg + 1e-9


def band_rmse(tally: Tally) -> list[float]:
    """Root mean squared error of each band, to four digits."""
    errors = np.sqrt(tally.squared_error / np.maximum(tally.count, 1))
    return [float(f"{error:.4g}") for error in errors]


def warm_up(contender: Contender, samples: NDArray[Any], goal: Goal) -> None:
    """Code and decode a corner, so that kernels are loaded and modules imported, whatever that comes to."""
    if contender.family == "external":
        return
    corner = np.ascontiguousarray(samples[:WARM, :WARM, :WARM])
    try:
        met = contender.meet(corner, goal)
        contender.decode(met.data, corner.shape, corner.dtype)  # type: ignore[arg-type]
    except HypressError:
        pass


@dataclass(frozen=True)
class Timed:
    """Seconds of one row's contender, repetition by repetition."""

    key: str
    encode_s: list[float]
    decode_s: list[float]


def clock(
    source: Source, entries: Sequence[tuple[str, Contender, Goal, Settings]], repetitions: int, budget_s: float
) -> list[Timed]:
    """Time all rows of a scene in one process, their repetitions interleaved, so that what slows the machine slows all.

    A row that has taken `budget_s` is not repeated again.
    """
    samples = source.load().samples
    shape: Any = samples.shape
    for _, contender, goal, _ in entries:
        warm_up(contender, samples, goal)
    timed = [Timed(key, [], []) for key, *_ in entries]
    for repetition in range(repetitions):
        for (_, contender, _, settings), times in zip(entries, timed, strict=True):
            if repetition and sum(times.encode_s) + sum(times.decode_s) > budget_s:
                continue
            begun = time.perf_counter()
            data = contender.encode(samples, settings)
            coded = time.perf_counter()
            contender.decode(data, shape, samples.dtype)
            times.encode_s.append(coded - begun)
            times.decode_s.append(time.perf_counter() - coded)
    return timed
