"""What every row needs, imported once in the server that rows are forked from."""

import contextlib

import numba  # noqa: F401
import numpy  # noqa: F401
import rasterio  # noqa: F401
import scipy.cluster.vq
import scipy.interpolate
import scipy.io
import scipy.linalg
import scipy.ndimage
import scipy.stats  # noqa: F401

import hypress.bench.measure
import hypress.bench.peers
import hypress.io
import hypress.tile

with contextlib.suppress(ImportError):  # seconds of each row of a trained codec
    import hypress.neural.engine_torch  # noqa: F401
