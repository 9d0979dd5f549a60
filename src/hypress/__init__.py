"""hypress compresses hyperspectral scenes: real files, kept promises, honest numbers.

    import hypress
    hypress.compress("scene.hdr", "scene.zarr.zip", goal=hypress.Psnr(db=50))
    scene = hypress.open_scene("scene.zarr.zip")        # xarray, (band, y, x), lazy
    data = hypress.encode(array, "pca_tcq", hypress.Rate(bpppc=0.5))
    array = hypress.decode(data)

Names are imported when first used, so that `import hypress` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hypress.version import __version__

if TYPE_CHECKING:
    from hypress import metrics as metrics
    from hypress.codec import Codec as Codec
    from hypress.codec import Knob as Knob
    from hypress.codec import Spec as Spec
    from hypress.codec import find as find_codec
    from hypress.codec import names as codec_names
    from hypress.codestream import inspect as inspect
    from hypress.errors import HypressError as HypressError
    from hypress.files import open_scene as open_scene
    from hypress.goal import Lossless as Lossless
    from hypress.goal import MaxError as MaxError
    from hypress.goal import Psnr as Psnr
    from hypress.goal import Rate as Rate
    from hypress.goal import RelativeError as RelativeError
    from hypress.goal import SpectralAngle as SpectralAngle
    from hypress.io import write_scene as write_scene
    from hypress.jobs.compare import compare as compare
    from hypress.jobs.compress import compress as compress
    from hypress.jobs.decompress import decompress as decompress
    from hypress.jobs.verify import verify as verify
    from hypress.prefix import cut as cut
    from hypress.progress import listen as listen
    from hypress.restore import decode as decode
    from hypress.tile import encode as encode

_PUBLIC = {
    "Codec": "codec.Codec",
    "HypressError": "errors.HypressError",
    "Knob": "codec.Knob",
    "Lossless": "goal.Lossless",
    "MaxError": "goal.MaxError",
    "Psnr": "goal.Psnr",
    "Rate": "goal.Rate",
    "RelativeError": "goal.RelativeError",
    "Spec": "codec.Spec",
    "SpectralAngle": "goal.SpectralAngle",
    "codec_names": "codec.names",
    "compare": "jobs.compare.compare",
    "compress": "jobs.compress.compress",
    "cut": "prefix.cut",
    "decode": "restore.decode",
    "decompress": "jobs.decompress.decompress",
    "encode": "tile.encode",
    "find_codec": "codec.find",
    "inspect": "codestream.inspect",
    "listen": "progress.listen",
    "metrics": "metrics",
    "open_scene": "files.open_scene",
    "verify": "jobs.verify.verify",
    "write_scene": "io.write_scene",
}

__all__ = sorted([*_PUBLIC, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'hypress' has no attribute {name!r}")
    module, _, attribute = _PUBLIC[name].rpartition(".")
    if not module:
        return importlib.import_module(f"hypress.{attribute}")
    return getattr(importlib.import_module(f"hypress.{module}"), attribute)


def __dir__() -> list[str]:
    return list(__all__)
