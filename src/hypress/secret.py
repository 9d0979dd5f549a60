"""The secret of what is coded or decoded: it holds inside a block, is part of no configuration, and in no file.

    with secret.use("correct horse battery staple"):
        hypress.compress("scene.hdr", "scene.zarr.zip", codec=hypress.find_codec("gnn")(keyed=True))

What a file needs in order to tell the right secret from a wrong one is derived from it by scrypt (C. Percival,
"Stronger key derivation via sequential memory-hard functions", BSDCan 2009; RFC 7914), so that each guess costs some
tenths of a second and 64 MiB.

The secret reaches the threads of this process that work for the block, see `ambient`; it is not sent to a cluster.
"""

from __future__ import annotations

import contextlib
import hashlib
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from hypress.ambient import Ambient
from hypress.errors import HypressError

BLOCK, LANES = 8, 1
"""Of scrypt: r and p."""
LOG2_COST = 16
"""Of scrypt: log₂ N. A guess takes 128 r N bytes."""


class SecretError(HypressError, ValueError):
    """A secret is needed and none is given, or it is not the right one."""


_secret: Ambient[bytes] = Ambient("hypress_secret")


@contextlib.contextmanager
def use(secret: str | int | bytes) -> Iterator[None]:
    """Code and decode with this secret inside the block. An integer is the same secret as its decimal digits.

    Threads that begin with a context of their own take the one secret in use in the process; where blocks in several
    threads use different ones, none. Raises SecretError where it is empty.
    """
    with _secret.use(as_bytes(secret)):
        yield


def required(what: str) -> bytes:
    """The secret in use. Raises SecretError, naming `what` needs it, where there is none."""
    found = _secret.get()
    if found is None:
        raise SecretError(
            f"{what} needs its secret, and none is in use here: work inside `with hypress.secret.use(...)`, or give "
            "--key-file on the command line"
        )
    return found


def as_bytes(secret: str | int | bytes) -> bytes:
    """A secret as bytes: text in UTF-8, its accents composed. Raises SecretError where it is empty."""
    if not isinstance(secret, bytes):
        secret = unicodedata.normalize("NFC", str(secret)).encode()
    if not secret:
        raise SecretError("an empty secret protects nothing")
    return secret


@lru_cache(maxsize=16)
def stretched(
    secret: bytes, salt: bytes, size: int, *, log2_cost: int = LOG2_COST, block: int = BLOCK, lanes: int = LANES
) -> bytes:
    """`size` bytes derived from a secret, slowly: scrypt. Whoever lacks the secret must do as much for every guess."""
    return hashlib.scrypt(
        secret, salt=salt, n=1 << log2_cost, r=block, p=lanes, dklen=size, maxmem=(128 << log2_cost) * block + (1 << 22)
    )
