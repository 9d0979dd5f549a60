"""What a secret does to a generative network: it seeds the latent code, or hides the cube; and how it is known again.

In the published form (Deng, Cen and Zhang, section 2.2.1) an integer is embedded as a vector of normal deviates, the
latent code, and the scene is what the network makes of that code alone. `latent` is that embedding.

A folded first layer has no latent code left, and needs none: instead its integers are moved, cyclically within their
range, by a pseudo-random sequence. Without it each cube of integers is as likely as any other.

Both start from 32 bytes that scrypt derives from the secret and a salt. Beside the salt the file holds a verifier, from
the same derivation, so that a wrong secret is told from the right one, at no less than scrypt's cost a guess.
"""

from __future__ import annotations

import hashlib
import hmac
import math

import numpy as np
from numpy.typing import NDArray

from hypress import secret as secrets
from hypress.errors import CodestreamError
from hypress.neural.gnn.plan import LATENT
from hypress.neural.weights import LARGEST
from hypress.secret import SecretError

SALT, VERIFIER, SEED = 16, 16, 32
"""Bytes of each."""
PUBLIC = bytes(SEED)
"""The seed of scenes without a secret."""
POINT = 1 << 16
"""Latent codes are multiples of its inverse, so that they do not hang on a library's last bit."""


def lock(salt: bytes) -> tuple[bytes, bytes]:
    """The stream "key", salt and verifier, and the seed, for the secret in use. Raises SecretError."""
    derived = secrets.stretched(secrets.required("codec gnn with keyed=True"), salt, VERIFIER + SEED)
    return salt + derived[:VERIFIER], derived[VERIFIER:]


def unlock(stream: bytes) -> bytes:
    """The seed, from the stream "key" and the secret in use. Raises SecretError, CodestreamError."""
    if len(stream) != SALT + VERIFIER:
        raise CodestreamError(f"gnn: the stream 'key' has {len(stream)} bytes instead of {SALT + VERIFIER}")
    secret = secrets.required("this scene")
    derived = secrets.stretched(secret, stream[:SALT], VERIFIER + SEED)
    if not hmac.compare_digest(derived[:VERIFIER], stream[SALT:]):
        raise SecretError("this is not the secret that the scene was coded with")
    return derived[VERIFIER:]


def bound(seed: bytes, network: bytes) -> bytes:
    """A seed for one cube alone, that of this stream "network": no two files are hidden by one sequence."""
    return hashlib.blake2b(network, key=seed, digest_size=SEED).digest()


def latent(seed: bytes) -> NDArray[np.float32]:
    """The latent code `(50,)` of a seed: normal deviates by Box and Muller, in multiples of 2⁻¹⁶."""
    uniform = (_words(seed, b"latent", LATENT) >> np.uint64(11)) + np.uint64(1)  # 1 … 2⁵³: no logarithm of nought
    first, second = uniform.reshape(2, -1).astype(np.float64) / 2.0**53
    radius, angle = np.sqrt(-2 * np.log(first)), 2 * math.pi * second
    normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return (np.rint(normal * POINT) / POINT).astype(np.float32)


def hidden(integers: NDArray[np.int32], seed: bytes, largest: int) -> NDArray[np.int32]:
    """Integers of at most `largest` in magnitude, moved cyclically within that range."""
    return _moved(integers, seed, largest, 1)


def revealed(integers: NDArray[np.int32], seed: bytes, largest: int) -> NDArray[np.int32]:
    """What `hidden` was given."""
    return _moved(integers, seed, largest, -1)


def _moved(integers: NDArray[np.int32], seed: bytes, largest: int, sign: int) -> NDArray[np.int32]:
    if not 0 <= largest < LARGEST:
        raise CodestreamError(f"gnn: integers up to {largest} cannot be")
    size = 2 * largest + 1
    # Words are 64 bits and sizes below 25: the remainder is uniform but for one part in 2³⁹.
    moves = (_words(seed, b"cube", integers.size) % np.uint64(size)).astype(np.int64)
    moved = (integers.astype(np.int64) + largest + sign * moves.reshape(integers.shape)) % size - largest
    return moved.astype(np.int32)


def _words(seed: bytes, purpose: bytes, count: int) -> NDArray[np.uint64]:
    """Pseudo-random words of 64 bits: SHAKE-256 (FIPS 202) of seed and purpose."""
    return np.frombuffer(hashlib.shake_256(seed + purpose).digest(8 * count), "<u8").astype(np.uint64)
