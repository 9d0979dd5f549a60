"""`hypress verify`."""

from __future__ import annotations

import click

from hypress.cli import _options as o


@click.command(short_help="Check that a store or codestream is whole.")
@click.argument("path", metavar="FILE")
@click.option("--against", metavar="ORIGINAL", help="Measure every tile against the original scene too.")
@o.key_options
@o.workers_option
@o.json_option
def command(
    path: str, against: str | None, key_file: str | None, ask: bool, workers: int | None, as_json: bool
) -> None:
    """Decode every tile of FILE, checking every checksum. Exit code 1 where anything is damaged or missing."""
    from hypress.jobs.verify import verify

    with o.secret_from(key_file, ask), o.bar():
        verdict = verify(path, against, workers=workers)
    if as_json:
        o.print_json(verdict.to_dict())
    else:
        for problem in verdict.problems:
            click.echo(problem if problem.startswith(path) else f"{path}: {problem}", err=True)
        tiles = f"{verdict.tiles} tile{'s' * (verdict.tiles != 1)}"
        click.echo(f"{path}: {'whole' if verdict.ok else 'damaged'} ({tiles})")
        if verdict.tally is not None:
            o.table(
                {
                    "maximum error": f"{verdict.tally.max_error:g}",
                    "PSNR": f"{o.figure(verdict.tally.psnr_db(), 'dB')} (peak {verdict.tally.peak:g})",
                    "spectral angle": f"{verdict.tally.sam_deg:.4f}° on average",
                }
            )
    if not verdict.ok:
        raise click.exceptions.Exit(1)
