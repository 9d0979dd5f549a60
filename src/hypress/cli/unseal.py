"""`hypress unseal`."""

from __future__ import annotations

import click

from hypress.cli import _options as o


@click.command(short_help="Decrypt a file that was sealed.")
@click.argument("source", metavar="IN")
@click.argument("output", metavar="OUT")
@o.key_options
@o.overwrite_option
@o.json_option
def command(source: str, output: str, key_file: str | None, ask: bool, overwrite: bool, as_json: bool) -> None:
    """Write what `hypress seal` encrypted into IN to OUT. Nothing is written where the secret is another."""
    from hypress import encryption

    o.rewrite(source, output, encryption.unseal, key_file, ask, overwrite, as_json)
