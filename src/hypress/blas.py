"""BLAS on one thread, for work that is shared out among threads already.

Between two products the threads of OpenBLAS wait busily, and take the cores that other threads could use: coding a tile
in two threads beside them was 1.4 times as slow.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, in every thread of this process; the last of several that are there at once puts it back."""
    with _Held.lock:
        if _Held.users == 0:
            _Held.libraries = ThreadpoolController().select(user_api="blas")  # anew: more may have been loaded
            _Held.limit = _Held.libraries.limit(limits=1)
        _Held.users += 1
    try:
        yield
    finally:
        with _Held.lock:
            _Held.users -= 1
            if _Held.users == 0:
                for library in _Held.libraries.lib_controllers:
                    if isinstance(library, OpenBLASController):  # which heeds only the thread that held it first
                        library.clear_controlling_thread(force=True)
                _Held.limit.restore_original_limits()


class _Held:
    lock = threading.Lock()
    users = 0
    libraries: Any = None
    limit: Any = None
