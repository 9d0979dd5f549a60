"""`hypress codecs`."""

from __future__ import annotations

from typing import Any

import click

from hypress.cli import _options as o


@click.command(short_help="List the codecs, or show one.")
@click.argument("name", required=False)
@o.json_option
def command(name: str | None, as_json: bool) -> None:
    """List the codecs that are installed; with NAME, the fields that `compress --set` takes."""
    from hypress import codec

    if name is None:
        listings = [codec.listing(n) for n in codec.names()]
        if as_json:
            o.print_json([{"name": x.name, "summary": x.summary, "needs": x.needs} for x in listings])
        else:
            o.table({x.name: x.summary + (f" (needs hypress[{x.needs}])" if x.needs else "") for x in listings})
        return
    kind = codec.find(name)
    fields = {
        field: {
            "type": _type(hint),
            "default": default,
            "knob": kind.knob is not None and kind.knob.field == field,
        }
        for field, (hint, default) in kind.fields().items()
    }
    if as_json:
        o.print_json({"name": name, "bitstream": kind.bitstream, "needs": kind.needs, "fields": fields})
        return
    click.echo(f"{name}: {codec.listing(name).summary}")
    o.table(
        {
            field: f"{about['type']}, default {about['default']}{', the knob that goals turn' if about['knob'] else ''}"
            for field, about in fields.items()
        }
        or {"no fields": ""}
    )


def _type(hint: Any) -> str:
    return getattr(hint, "__name__", None) or str(hint).replace("typing.", "")
