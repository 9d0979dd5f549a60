"""`hypress bench`."""

from __future__ import annotations

from typing import Any

import click

from hypress.cli import _options as o


@click.command(short_help="Measure codecs on scenes, ours and others'.")
@click.argument("scenes", nargs=-1, required=True, metavar="SCENES…")
@click.option("--scene", "names", multiple=True, metavar="NAME", help="Only this one of SCENES; repeatable.")
@click.option(
    "--contender",
    "contenders",
    multiple=True,
    metavar="NAME",
    help="A codec, NAME:field=value,…, a peer, or a .toml file; repeatable.  [default: all that are quick]",
)
@click.option(
    "--goal",
    "goals",
    multiple=True,
    metavar="GOAL",
    help="lossless, rate=, psnr=, max-error=, sam=; repeatable.  [default: four rates, a bound, lossless]",
)
@click.option("--preset", metavar="NAME", help="A paper's tables instead, such as inr-table; see docs/benchmark.md.")
@click.option("--output", "-o", default="bench", show_default=True, metavar="FOLDER", help="Rows go here; it resumes.")
@click.option("--workers", type=click.IntRange(min=1), help="Rows measured side by side.  [default: one a core]")
@click.option(
    "--limit", type=float, metavar="SECONDS", help="Give up longer rows.  [default: 600, or what the preset says]"
)
@click.option(
    "--time",
    "timed",
    multiple=True,
    metavar="GOAL",
    help="Time rows of this goal alone, interleaved; repeatable.  [default: rate=0.5 and lossless; of presets none]",
)
@click.option("--repetitions", type=click.IntRange(min=1), default=3, show_default=True, help="Of each time.")
@click.option("--no-ssim", is_flag=True, help="Leave out SSIM.")
@click.option("--no-tasks", is_flag=True, help="Leave out classification, unmixing, indices and anomalies.")
@o.json_option
def command(
    scenes: tuple[str, ...],
    names: tuple[str, ...],
    contenders: tuple[str, ...],
    goals: tuple[str, ...],
    preset: str | None,
    output: str,
    workers: int | None,
    limit: float | None,
    timed: tuple[str, ...],
    repetitions: int,
    no_ssim: bool,
    no_tasks: bool,
    as_json: bool,
) -> None:
    """Measure every contender on every scene under every goal; one JSON row each in FOLDER/rows.jsonl.

    SCENES are files, folders of them, or a Python module with CUBES (see docs/benchmark.md). What is there already
    is not measured again. `hypress report FOLDER` makes a page of it.

    \b
    Examples:
      hypress bench scenes/ -o bench
      hypress bench scene.hdr --contender rls --contender jpegxl --contender mine.toml --goal lossless
      hypress bench benchmarks/public_scenes.py --preset inr-table -o bench-inr
    """
    import os
    import sys
    from pathlib import Path

    from hypress.bench import papers
    from hypress.bench.entrants import default_contenders, find_contender
    from hypress.bench.goals import DEFAULT_GOALS, parse_goal
    from hypress.bench.measure import Wanted
    from hypress.bench.run import LIMIT_S, ROWS, Options, plan, run
    from hypress.bench.scenes import find_sources

    if preset is not None and (contenders or goals):
        raise click.UsageError("a preset says itself which contenders and goals: leave out --contender and --goal")
    chosen = None if preset is None else papers.read_preset(preset)
    sources = find_sources(scenes, names)
    wished = tuple(parse_goal(goal) for goal in timed or (() if preset else ("rate=0.5", "lossless")))
    options = Options(
        workers=workers or os.cpu_count() or 1,
        limit_s=limit if limit is not None else chosen.limit_s if chosen else LIMIT_S,
        timed=wished,
        repetitions=repetitions,
        wanted=Wanted(ssim=not no_ssim, tasks=not no_tasks),
    )
    folder = Path(output)
    with o.bar():
        if chosen is not None:
            cells = papers.cells_of(chosen, sources)
            items = papers.items_of(cells)
        else:
            taking_part = [find_contender(text) for text in contenders] or default_contenders()
            items = plan(taking_part, sources, [parse_goal(goal) for goal in goals] or DEFAULT_GOALS)
        found = run(items, folder, options, None if as_json or sys.stderr.isatty() else _tell)
    table = None
    if preset and chosen:
        table = papers.side_by_side(preset, chosen, cells, found)
        papers.keep(folder, table)
    counts: dict[str, int] = {}
    for row in found.values():
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    if as_json:
        plain: dict[str, Any] = {"rows": str(folder / ROWS), "counts": counts}
        if table is not None:
            plain["table"] = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        o.print_json(plain)
        return
    if table is not None:
        click.echo(table.markdown())
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    click.echo(f"{folder / ROWS}: {told or 'nothing measured'}. Next: hypress report {folder}")


def _tell(row: dict[str, Any]) -> None:
    """One line a row, on standard error, where no bar is drawn."""
    from hypress.bench.goals import goal_words
    from hypress.bench.rows import MEASURED
    from hypress.goal import goal_from_dict

    words = goal_words(goal_from_dict(row["goal"]))
    if row["status"] != MEASURED:
        said = f"{row['status']}: {row['reason']}"
    elif "encode_s" in row["times"]:
        said = f"timed: encode {row['times']['encode_s']:.3f} s, decode {row['times']['decode_s']:.3f} s"
    else:
        quality = o.figure(row["quality"]["psnr_db"], "dB")
        said = f"{row['bpppc']:.4f} bits per sample, {quality}, {row['times']['goal_s']:.2f} s"
    click.echo(f"{row['scene']['name']}  {words}  {row['contender']}  {said}", err=True)
