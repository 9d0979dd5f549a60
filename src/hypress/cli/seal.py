"""`hypress seal`."""

from __future__ import annotations

import click

from hypress.cli import _options as o


@click.command(short_help="Encrypt a file.")
@click.argument("source", metavar="IN")
@click.argument("output", metavar="OUT")
@o.key_options
@o.overwrite_option
@o.json_option
def command(source: str, output: str, key_file: str | None, ask: bool, overwrite: bool, as_json: bool) -> None:
    """Encrypt the file IN, such as a .hyp or .zarr.zip, under a secret. `hypress unseal` turns it back.

    AES-256-GCM under a key that scrypt derives from the secret: it hides all but the length, and shows any alteration.
    """
    from hypress import encryption

    o.rewrite(source, output, encryption.seal, key_file, ask, overwrite, as_json)
