"""The spectral angle (SAM): how far the shape of a spectrum turned, whatever its brightness.

F. A. Kruse et al., "The Spectral Image Processing System (SIPS)", Remote Sensing of Environment 44, 1993.
Both spectra zero: 0°. Exactly one zero: 90°. A band masked for a pixel is left out of both its spectra.
"""

import numpy as np
from numpy.typing import ArrayLike

from hypress.metrics.blocks import F64, angles_deg, blocks, checked
from hypress.metrics.tally import Tally


def spectral_angle_deg(original: ArrayLike, decoded: ArrayLike, *, valid: ArrayLike | None = None) -> float:
    """Mean over pixels of the spectral angle, in degrees from 0 to 180.

    Arrays are `(band, y, x)`, as in `spectral_angle_map_deg`. NaN where no pixel has a valid band.
    """
    return Tally.of(original, decoded, valid).sam_deg


def spectral_angle_map_deg(original: ArrayLike, decoded: ArrayLike, *, valid: ArrayLike | None = None) -> F64:
    """Spectral angle of each pixel, `(y, x)` float64 in degrees; NaN for a pixel without a valid band.

    `original` and `decoded` are `(band, y, x)` of any real dtypes, `valid` is boolean of that shape. NaN and
    infinity in the original are not valid; a pixel where a valid sample decoded to one of them counts 180°.
    Raises `SceneError` where shapes or dtypes do not fit.
    """
    a, b, ok = checked(original, decoded, valid)
    angles = np.full(a.shape[1:], np.nan)
    for block in blocks(a, b, ok):
        angle = angles_deg(block.x, block.y)
        if block.lost is not None:
            angle[block.lost] = 180.0
        if block.valid is not None:
            angle[~block.valid.any(axis=0)] = np.nan
        part = angles[block.rows, block.columns]
        part[...] = angle.reshape(part.shape)
    return angles
