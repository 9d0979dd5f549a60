"""What lets `xr.open_dataset("scene.zarr.zip")` and `xr.open_dataset("scene.hyp")` work.

A `.zarr` directory needs none of this: xarray's own Zarr backend opens it, and finds our chunk codec by its entry
point.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from hypress.files import BARE_ENDING, open_bare
from hypress.store import ARRAY, ZIP_ENDING, open_store_dataset


class HypressBackend(BackendEntrypoint):
    """Opens packed stores and bare codestreams, lazily."""

    description = "Open hyperspectral scenes compressed by hypress (.zarr.zip, .hyp)"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "mask_and_scale")

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        mask_and_scale: bool = True,
    ) -> xr.Dataset:
        """A dataset whose variable `scene` is `(band, y, x)`."""
        path = os.fspath(filename_or_obj)
        if path.endswith(BARE_ENDING):
            bare = open_bare(path).to_dataset(name=ARRAY)
            dataset = xr.decode_cf(bare, mask_and_scale=mask_and_scale)
        else:
            dataset = open_store_dataset(path, mask_and_scale=mask_and_scale)
        return dataset.drop_vars(drop_variables or [])

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """By the ending."""
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        return os.fspath(filename_or_obj).endswith((BARE_ENDING, ZIP_ENDING))
