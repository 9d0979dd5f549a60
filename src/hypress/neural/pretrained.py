"""Trained weights: a safetensors file with a card, found by name, known by hash.

A codestream that needs weights holds the first 16 bytes of their file's SHA-256; a decoder that has others says so and
decodes nothing. Weights are looked for, by their name or else by that hash,

1. where a path says, if the name is one;
2. in the package, `hypress/weights/`;
3. in the folder that the environment variable `HYPRESS_WEIGHTS` names, else `~/.cache/hypress/weights`.

A name that begins with `https://` is fetched into that folder first. The form of safetensors is data only: nothing in a
file of weights is executed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hypress.errors import CodestreamError, WeightsError
from hypress.neural.packed import unpacked
from hypress.whole import write_whole

ENDING = ".safetensors"
HASH = 16
"""Bytes of the hash that a codestream holds."""
LARGEST = 1 << 31
"""Bytes of a file of weights, at most."""
CARD = "hypress"
"""The key of the card among the file's metadata."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What weights are and where they come from."""

    codec: str
    architecture: dict[str, Any]
    bands: int | None = None
    """The number of bands that they take; None: any."""
    sensor: str = "any"
    data: str = ""
    """What they were trained on."""
    loss: str = ""
    steps: int = 0
    licence: str = ""
    recipe: dict[str, Any] = {}
    measured: dict[str, Any] = {}
    """Quality on the validation scenes, as the training measured it."""
    compressed: dict[str, Any] = {}
    """How they were pruned, factorised and quantised, if they were."""
    graphs_of: str = ""
    """The hash of the weights whose graphs go with this file, which then lacks what the graphs hold."""


@dataclass(frozen=True)
class Weights:
    """A file of weights, read."""

    path: Path
    card: Card
    digest: bytes
    """The first bytes of the file's SHA-256, or of that whose graphs it goes with."""
    tensors: Mapping[str, NDArray[Any]]

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.name.removesuffix(ENDING)


def find(name: str, codec: str) -> Weights:
    """The weights of that name, path or address, for that codec.

    Raises WeightsError, saying what there is, where there are none or they belong to another codec.
    """
    found = named(name)
    if found.card.codec != codec:
        raise WeightsError(f"the weights {name!r} are for codec {found.card.codec}, not {codec}")
    return found


def named(name: str) -> Weights:
    """The weights of that name, path or address, for whatever codec. Raises WeightsError, saying what there is."""
    path = _fetched(name) if name.startswith("https://") else _path_of(name)
    if path is None:
        have = ", ".join(sorted(p.name.removesuffix(ENDING) for p in _files())) or "none"
        raise WeightsError(
            f"there are no weights {name!r}; known by name are: {have}. Give a path to a {ENDING} file, "
            f"or put it into {cache_folder()}"
        )
    return read(path)


def find_by_hash(name: str, codec: str, digest: bytes) -> Weights:
    """The weights that a codestream was made with: those of that name if their hash agrees, else any that agree.

    Raises WeightsError, naming both hashes, where none do.
    """
    there = None if name.startswith("https://") else _path_of(name)
    for path in [*([there] if there else []), *_files()]:
        if _digest_of(path) == digest:
            return read(path)
    if name.startswith("https://"):
        there = _fetched(name)
        if _digest_of(there) == digest:
            return read(there)
    wrong = f"; those found under that name are {_digest_of(there).hex()}" if there else ""
    raise WeightsError(
        f"decoding needs the weights {name!r} of codec {codec} with the hash {digest.hex()}{wrong}. "
        f"Put that {ENDING} file into {cache_folder()} or a folder that HYPRESS_WEIGHTS names"
    )


def whole(weights: Weights) -> Weights:
    """The weights themselves, of a file that goes with their graphs. Raises WeightsError where they are not there."""
    if not weights.card.graphs_of:
        return weights
    for path in _files():
        if _digest_of(path) == weights.digest and not read(path).card.graphs_of:
            return read(path)
    raise WeightsError(
        f"{weights.path} goes with graphs and holds no network: use engine onnx (--engine onnx), or put the weights "
        f"with the hash {weights.digest.hex()} into {cache_folder()}"
    )


def read(path: Path) -> Weights:
    """One file. Raises WeightsError where it is none of ours."""
    return _read(path, _stamp(path))


def write(path: Path, tensors: Mapping[str, NDArray[Any]], card: Card) -> None:
    """Write a file of weights, whole or not at all."""
    from safetensors.numpy import save

    data = save({k: np.ascontiguousarray(v) for k, v in tensors.items()}, {CARD: msgspec.json.encode(card).decode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)


def cache_folder() -> Path:
    """Where weights are looked for besides the package, and fetched to."""
    given = os.environ.get("HYPRESS_WEIGHTS")
    return Path(given) if given else Path.home() / ".cache" / "hypress" / "weights"


# --- files ------------------------------------------------------------------------------------------

PACKAGED = Path(__file__).parent.parent / "weights"


def _files() -> Iterator[Path]:
    for folder in (PACKAGED, cache_folder()):
        if folder.is_dir():
            yield from sorted(folder.glob(f"*{ENDING}"))


def _path_of(name: str) -> Path | None:
    if name.endswith(ENDING) or os.sep in name:
        path = Path(name).expanduser()
        return path if path.is_file() else None
    return next((p for p in _files() if p.name == name + ENDING), None)


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does."""
    try:
        found = path.stat()
    except OSError as error:
        raise WeightsError(f"weights {path} cannot be read: {error.strerror}") from None
    return found.st_mtime_ns, found.st_size


def _digest_of(path: Path) -> bytes:
    return _hashed(path, _stamp(path))


@functools.lru_cache(maxsize=256)
def _hashed(path: Path, stamp: tuple[int, int]) -> bytes:
    """The hash of a file; of one that goes with graphs, that of the weights which they are of."""
    from safetensors import SafetensorError, safe_open

    wrong = (SafetensorError, OSError, ValueError, TypeError, msgspec.MsgspecError)
    with contextlib.suppress(*wrong), safe_open(path, "np") as file:
        given = msgspec.json.decode((file.metadata() or {}).get(CARD, "{}"), type=dict).get("graphs_of", "")
        if given and len(bytes.fromhex(given)) == HASH:
            return bytes.fromhex(given)
    with path.open("rb") as whole:
        return hashlib.file_digest(whole, "sha256").digest()[:HASH]


@functools.lru_cache(maxsize=4)
def _read(path: Path, stamp: tuple[int, int]) -> Weights:
    from safetensors import SafetensorError, safe_open

    if stamp[1] > LARGEST:
        raise WeightsError(f"{path} has {stamp[1]} bytes, more than weights may have")
    try:
        with safe_open(path, "np") as file:
            described = (file.metadata() or {}).get(CARD)
            tensors = unpacked({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, CodestreamError) as error:
        raise WeightsError(f"{path} is no file of weights, or was cut: {error}") from None
    if described is None:
        raise WeightsError(f"{path} holds tensors without a hypress card: train with `hypress train`")
    try:
        card = msgspec.json.decode(described, type=Card)
    except msgspec.DecodeError as error:
        raise WeightsError(f"the card of {path} cannot be read: {error}") from None
    return Weights(path, card, _hashed(path, stamp), tensors)


def _fetched(address: str) -> Path:
    """A file of the cache that holds what an address gives."""
    name = hashlib.sha256(address.encode()).hexdigest()[:8] + "-" + address.rsplit("/", 1)[-1].split("?")[0]
    path = cache_folder() / (name if name.endswith(ENDING) else name + ENDING)
    if path.is_file():
        return path
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            data = answer.read(LARGEST + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise WeightsError(f"weights cannot be fetched from {address}: {error}") from None
    if len(data) > LARGEST:
        raise WeightsError(f"{address} gives more than weights may have")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
    return path
