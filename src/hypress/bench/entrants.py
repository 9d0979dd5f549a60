"""Who can take part: codecs of ours, peers, those that packages register, and those that a TOML file describes."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from hypress.bench.contender import Contender, Settings
from hypress.bench.ours import Own
from hypress.bench.outside import read_contender
from hypress.bench.peers import PEERS
from hypress.codec import make
from hypress.codec import names as codec_names
from hypress.errors import ConfigurationError, MissingExtraError, UnknownCodecError

ENTRY_POINTS = "hypress.contenders"
"""Packages put a `Contender` of their own on the table through this group."""

VARIANTS: dict[str, tuple[Settings, ...]] = {"jpeg": ({"bits": 8}, {"bits": 12}), "ccsds122": ({}, {"spectral": "iwt"})}
"""Codecs of which the default matrix shows more than the default."""
SLOW = {"gnn", "siren"}
"""Codecs that fit a network to every scene, for minutes: named where they are wanted."""


def default_contenders() -> list[Contender]:
    """Every codec of ours that is quick, and every peer, installed or not: what is missing becomes a row."""
    ours = [
        Own(name, tuple(fields.items()))
        for name in codec_names()
        if name not in SLOW
        for fields in VARIANTS.get(name, ({},))
    ]
    return [*ours, *PEERS.values(), *(point.load()() for point in _registered().values())]


def find_contender(text: str) -> Contender:
    """A contender from what a user writes: `NAME`, `NAME:field=value,field=value`, or a TOML file (see `outside`).

    Raises UnknownCodecError, ConfigurationError, InputNotFoundError.
    """
    if text.endswith(".toml"):
        return read_contender(Path(text))
    name, _, rest = text.partition(":")
    fields: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ConfigurationError(f"a contender is NAME or NAME:field=value,field=value, not {text!r}")
        fields[key.strip()] = value.strip()
    if name in PEERS or name in _registered():
        if fields:
            raise ConfigurationError(f"{name} has no fields to set")
        return PEERS[name] if name in PEERS else _registered()[name].load()()
    if name not in codec_names():
        others = ", ".join([*PEERS, *_registered()])
        raise UnknownCodecError(
            f"no contender named {name!r}; codecs: {', '.join(codec_names())}; peers: {others}; or a .toml file"
        )
    return Own(name, tuple(_typed(name, fields).items()))


def _typed(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields given as text, as the values that they stand for."""
    if not fields:
        return {}
    try:
        configured = make(name, fields, strict=False).configuration()
    except MissingExtraError:
        return fields
    return {key: configured[key] for key in fields}


@cache
def _registered() -> dict[str, Any]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
