"""What every row needs, imported once in the server that rows are forked from."""

import numba  # noqa: F401
import numpy  # noqa: F401
import scipy.cluster.vq
import scipy.interpolate
import scipy.io
import scipy.linalg
import scipy.ndimage
import scipy.stats  # noqa: F401

import hypress.bench.measure
import hypress.bench.peers
import hypress.io
import hypress.tile  # noqa: F401
