"""`hypress prune`."""

from __future__ import annotations

from typing import Any

import click

from hypress.cli import _options as o
from hypress.cli._training import training_options


@click.command(short_help="Make the networks of a codec smaller: prune, fine-tune, quantise.")
@click.argument("weights", metavar="WEIGHTS")
@training_options("Scenes to fine-tune and to measure on, as for `hypress train`. May be given again.", "cpu")
@click.option("--ratio", type=float, default=0.5, show_default=True, help="Share of the parameters that goes.")
@click.option("--granularity", default="channel", show_default=True, help="channel: really removed; weight: zeros.")
@click.option("--context", default="local", show_default=True, help="local: alike in each layer; global: wherever.")
@click.option("--criterion", default="taylor", show_default=True, help="l1, l2, movement, taylor or random.")
@click.option("--schedule", default="one_shot", show_default=True, help="one_shot, iterative, agp or one_cycle.")
@click.option("--fine-tune", default="0", show_default=True, metavar="STEPS", help="500, or 3epochs.")
@click.option("--distil", is_flag=True, help="Learn from the network as it was, too.")
@click.option("--low-rank", type=float, metavar="SHARE", help="First make large layers two, of SHARE of the weights.")
@click.option("--int8", is_flag=True, help="Store weights in eight bits.")
@click.option("--seed", type=int, default=0, show_default=True)
@o.json_option
def command(
    weights: str, ratio: float, granularity: str, context: str, criterion: str, schedule: str, fine_tune: str,
    distil: bool, low_rank: float | None, int8: bool, seed: int, training: dict[str, Any], as_json: bool,
) -> None:  # fmt: skip
    """Make WEIGHTS, a name or a path, smaller; tune what is left; and measure it before and after.

    Latents and bands keep their number, so rates stay about what they were. Beside FILE lie a report (.json) and a
    figure (.svg). The weights are used with --set weights=FILE.

    \b
    Examples:
      hypress prune sscnet --data tiles/ --ratio 0.426 --fine-tune 3epochs --out small.safetensors
      hypress prune cae1d --data a/ --ratio 0.8 --granularity weight --schedule agp --fine-tune 2000 --out w.safetensors
    """
    from hypress.jobs.prune import Pruning, prune

    how = Pruning(
        ratio, granularity, context, criterion, schedule, fine_tune, distil, low_rank, int8, seed
    )  # fmt: skip
    with o.bar():
        result = prune(weights, how=how, **training)
    if as_json:
        o.print_json(result.to_dict())
        return
    seen = "held out" if result.held_out else "tuned on as well"
    click.echo(f"{result.path}: {result.steps} steps in {result.seconds:.0f} s; on {result.scenes} scenes, {seen}:")
    for stage in result.stages:
        click.echo(
            f"  {stage['stage']:<11} {o.size(stage['bytes']):>9}  {stage['parameters']:>11,} parameters, "
            f"{stage['nonzero']:>11,} not zero  {stage['macs_per_sample']:>9,.0f} MACs a sample  "
            f"{stage['psnr_db']:.2f} dB  SSIM {stage['ssim']:.4f}  {stage['sam_deg']:.3f}°  "
            f"{stage['bpppc']:.3f} bits a sample"
        )
    click.echo(f"report: {result.report}; figure: {result.figure}")
