"""The last few fits of this process: a goal asks for the same scene several times, and a fit takes its time.

What is remembered is what would be computed again, so that bytes never depend on what was coded before.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class Recent(Generic[T]):
    """Results by key, the latest `size` of them."""

    def __init__(self, size: int = 4) -> None:
        self._size, self._found, self._lock = size, OrderedDict[Hashable, T](), threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` gave for this key, or gives now."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        value = compute()
        with self._lock:
            self._found[key] = value
            while len(self._found) > self._size:
                self._found.popitem(last=False)
        return value

    def forget(self) -> None:
        """Compute what is asked for next, even if it was computed before."""
        with self._lock:
            self._found.clear()


def digest(samples: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> bytes:
    """What tells one array of samples, and of those that are real, from another."""
    about = f"{samples.shape}{samples.dtype.str}".encode()
    found = hashlib.blake2b(np.ascontiguousarray(samples).data, digest_size=16, key=about[:64])
    if valid is not None:
        found.update(np.packbits(valid).data)
    return found.digest()
