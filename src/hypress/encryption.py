"""Authenticated encryption of any bytes, such as a codestream, under a passphrase.

    sealed = encryption.seal(data, "correct horse battery staple")
    data = encryption.unseal(sealed, "correct horse battery staple")

AES-256-GCM (NIST SP 800-38D) under a key that scrypt (RFC 7914) derives from the passphrase and a random salt. What is
written, in this order:

| bytes | what |
|---|---|
| 8 | `89 48 59 53 0D 0A 1A 0A`, that is `\\x89HYS\\r\\n\\x1a\\n` |
| 1 | version, 1 |
| 3 | scrypt's log₂ N, r and p |
| 16 | salt |
| 12 | nonce |
| n | ciphertext, as long as the data |
| 16 | tag, of the ciphertext and of all that stands before it |

It hides everything but the length and proves that nothing was altered. The cipher is that of `cryptography`, an extra.
"""

from __future__ import annotations

import os
import struct
from typing import Any

from hypress import secret as secrets
from hypress.errors import CodestreamError, ConfigurationError, MissingExtraError, VersionError
from hypress.secret import SecretError

MAGIC = b"\x89HYS\r\n\x1a\n"
VERSION = 1
SALT, NONCE, TAG, KEY = 16, 12, 16, 32
"""Bytes of each."""
LARGEST = (1 << 31) - 1 - TAG
"""Bytes that are sealed at once, at most."""
MOST_COST, MOST_MEMORY = 20, 1 << 30
"""Bounds of what a file may ask scrypt for: log₂ N, and bytes."""

_HEAD = struct.Struct(f"<8s4B{SALT}s{NONCE}s")


def seal(data: bytes, secret: str | int | bytes) -> bytes:
    """`data` encrypted under `secret`: 56 bytes longer, and never twice the same.

    Raises MissingExtraError; ConfigurationError where there are more than two gigabytes; SecretError where the secret
    is empty.
    """
    if len(data) > LARGEST:
        raise ConfigurationError(f"at most {LARGEST} bytes are sealed at once, not {len(data)}: seal parts")
    salt, nonce = os.urandom(SALT), os.urandom(NONCE)
    parameters = (secrets.LOG2_COST, secrets.BLOCK, secrets.LANES)
    head = _HEAD.pack(MAGIC, VERSION, *parameters, salt, nonce)
    return head + _cipher(secret, salt, parameters).encrypt(nonce, data, head)


def unseal(sealed: bytes, secret: str | int | bytes) -> bytes:
    """What was sealed under `secret`.

    Raises SecretError where the secret is another or a byte was altered, which cannot be told apart; CodestreamError
    where the bytes were never sealed; VersionError for a newer form; MissingExtraError.
    """
    if len(sealed) < _HEAD.size + TAG or not is_sealed(sealed):
        raise CodestreamError("these bytes are not a sealed file, or were cut")
    _, version, cost, block, lanes, salt, nonce = _HEAD.unpack_from(sealed)
    if version > VERSION:
        raise VersionError(f"the file is sealed in form {version}; this hypress knows up to {VERSION}")
    if not (0 < cost <= MOST_COST and 0 < block <= 32 and 0 < lanes <= 16 and (128 << cost) * block <= MOST_MEMORY):
        raise CodestreamError(f"the sealed file asks for scrypt with N = 2^{cost}, r = {block}, p = {lanes}")
    cipher = _cipher(secret, salt, (cost, block, lanes))
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(nonce, sealed[_HEAD.size :], sealed[: _HEAD.size])
    except InvalidTag:
        raise SecretError("the secret is not the one that the file was sealed with, or the file was altered") from None


def is_sealed(data: bytes) -> bool:
    """Whether bytes begin as a sealed file does."""
    return data[: len(MAGIC)] == MAGIC


def _cipher(secret: str | int | bytes, salt: bytes, parameters: tuple[int, int, int]) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise MissingExtraError(f"encryption needs: pip install 'hypress[encryption]' ({error})") from error
    cost, block, lanes = parameters
    key = secrets.stretched(secrets.as_bytes(secret), salt, KEY, log2_cost=cost, block=block, lanes=lanes)
    return AESGCM(key)
