"""What the HDF5 formats share: a lazy cube, and attributes as plain Python values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import HypressError, ReadError
from hypress.io.lazy import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray


@contextmanager
def reading(path: str | Path) -> Iterator[Any]:
    """The open file; what goes wrong within becomes ReadError. h5py has its own lock for threads."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except HypressError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ReadError(f"{path}: {error}") from error


@dataclass(frozen=True)
class H5Cube(Source):
    """A dataset of three axes."""

    dataset: str
    order: tuple[int, int, int]
    """Axes of `(band, y, x)` as they lie in the dataset."""
    blocks: tuple[int, int, int] | None
    """Its chunks as `(band, y, x)`, or None if it has none."""

    def read(self, bands: slice, rows: slice, cols: slice) -> NDArray[Any]:
        """The window as `(band, y, x)`."""
        asked = (bands, rows, cols)
        with reading(self.path) as file:
            samples = file[self.dataset][tuple(asked[axis] for axis in self.order)]
        return native(samples).transpose(np.argsort(self.order))

    def chunks(self) -> dict[str, int] | None:
        """The dataset's chunks."""
        return None if self.blocks is None else dict(zip(("band", "y", "x"), self.blocks, strict=True))


def cube(path: Path, dataset: Any, order: tuple[int, int, int]) -> H5Cube:
    """A dataset as a lazy cube whose axes lie in this order."""
    back = np.argsort(order)
    shape = tuple(int(dataset.shape[axis]) for axis in back)
    blocks = None if dataset.chunks is None else tuple(int(dataset.chunks[axis]) for axis in back)
    return H5Cube(str(path), shape, dataset.dtype.newbyteorder("="), dataset.name, order, blocks)  # type: ignore[arg-type]


def native(samples: NDArray[Any]) -> NDArray[Any]:
    """The samples in this machine's byte order."""
    return samples.astype(samples.dtype.newbyteorder("="), copy=False)


def attribute(owner: Any, key: str) -> Any:
    """An attribute as text, number or array, or None if it is absent or of another kind."""
    if key not in owner.attrs:
        return None
    value = owner.attrs[key]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray) and value.dtype.kind in "SO" and value.size == 1:
        value = value.reshape(()).item()
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if isinstance(value, np.ndarray) and value.size == 1:
        return value.reshape(()).item()
    if isinstance(value, np.generic):
        return value.item()
    return value


def text(owner: Any, key: str) -> str | None:
    """An attribute if it is text."""
    value = attribute(owner, key)
    return value if isinstance(value, str) else None


def real(owner: Any, key: str) -> float | int | None:
    """An attribute if it is one number."""
    value = attribute(owner, key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def datasets(group: Any, dims: int = 3) -> list[Any]:
    """All numeric datasets of so many axes, at any depth."""
    import h5py

    found: list[Any] = []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == dims and item.dtype.kind in "iufc":
            found.append(item)

    group.visititems(visit)
    return found
