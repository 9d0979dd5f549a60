"""BLAS on one thread, for work that is shared out among threads already.

Between two products the threads of OpenBLAS wait busily, and take the cores that other threads could use.
"""

from __future__ import annotations

from collections.abc import Callable

from threadpoolctl import OpenBLASController, ThreadpoolController

from hypress.held import Held


def _begin() -> Callable[[], None]:
    libraries = ThreadpoolController().select(user_api="blas")  # anew: more may have been loaded
    limit = libraries.limit(limits=1)

    def restore() -> None:
        for library in libraries.lib_controllers:
            if isinstance(library, OpenBLASController):  # which heeds only the thread that held it first
                library.clear_controlling_thread(force=True)
        limit.restore_original_limits()

    return restore


one_thread = Held(_begin).hold
"""A context manager and decorator: inside, BLAS has one thread in every thread of this process."""
