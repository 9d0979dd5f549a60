"""Where the scenes of a benchmark come from: files, folders of them, or a Python module that makes arrays.

A module has `CUBES`, a mapping of names to functions that give samples `(band, y, x)`. It may also have, by the same
names, `LABELS` (classes `(y, x)`, 0 where unknown), `ANOMALIES` (`(y, x)`, true at targets) and `WAVELENGTHS` (nm,
`(band,)`), and a list `TEST_SCENES` of those that are taken where none is named.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import ConfigurationError, InputNotFoundError, SceneError
from hypress.scene import as_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENDINGS = (".hdr", ".tif", ".tiff", ".nc", ".mat", ".npy", ".h5", ".he5", ".zarr", ".zip", ".hyp")


@dataclass(frozen=True)
class Source:
    """A scene that can be loaded, in any process."""

    name: str
    path: str
    """A file that hypress reads, or a `.py` module."""

    def load(self) -> Scene:
        """The scene. Raises SceneError, and as `hypress.open_scene`."""
        return _from_module(self) if self.path.endswith(".py") else _from_file(self)


@dataclass(frozen=True, eq=False)
class Scene:
    """Samples and what is known of them."""

    name: str
    samples: NDArray[Any]
    """Integers `(band, y, x)`."""
    wavelength_nm: NDArray[np.float64] | None = None
    labels: NDArray[Any] | None = None
    anomalies: NDArray[np.bool_] | None = None

    @property
    def digest(self) -> str:
        """Of shape, type and samples; the first 16 hexadecimal digits of a SHA-256."""
        about = f"{self.samples.shape}{self.samples.dtype.name}".encode()
        return hashlib.sha256(about + np.ascontiguousarray(self.samples).tobytes()).hexdigest()[:16]

    def facts(self) -> dict[str, Any]:
        """What a row says of it."""
        return {
            "name": self.name,
            "digest": self.digest,
            "shape": list(self.samples.shape),
            "dtype": self.samples.dtype.name,
            "low": int(self.samples.min()),
            "peak": int(self.samples.max()),
            "bytes": int(self.samples.nbytes),
        }


def find_sources(given: Iterable[str], only: Sequence[str] = ()) -> list[Source]:
    """Sources in files, folders and modules; with `only`, those of these names, in this order.

    Raises InputNotFoundError, ConfigurationError.
    """
    found: dict[str, Source] = {}
    default: list[str] = []
    for text in given:
        path = Path(text)
        if not path.exists():
            raise InputNotFoundError(f"{text} does not exist")
        if path.suffix == ".py":
            where = os.path.abspath(path)
            module = _module(where)
            sources = [Source(name, where) for name in module.CUBES]
            default += getattr(module, "TEST_SCENES", module.CUBES)
        else:
            folder = path.is_dir() and path.suffix != ".zarr"
            files = sorted(p for p in path.iterdir() if p.name.endswith(ENDINGS)) if folder else [path]
            sources = [Source(file.name.partition(".")[0], str(file.resolve())) for file in files]
            default += [source.name for source in sources]
        found |= {source.name: source for source in sources}
    wanted = list(dict.fromkeys(only or default))
    if missing := [name for name in wanted if name not in found]:
        raise ConfigurationError(f"there is no scene {', '.join(missing)}; there are: {', '.join(found) or 'none'}")
    return [found[name] for name in wanted]


@cache
def _module(path: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"hypress_scenes_{Path(path).stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "CUBES"):
        raise ConfigurationError(f"{path} has no CUBES: a mapping of names to functions that give samples")
    return module


def _from_module(source: Source) -> Scene:
    module = _module(source.path)

    def known(what: str) -> Any:
        about = getattr(module, what, {}).get(source.name)
        return None if about is None else np.asarray(about() if callable(about) else about)

    anomalies = known("ANOMALIES")
    return Scene(
        source.name,
        _integers(source.name, as_samples(module.CUBES[source.name]())),
        wavelength_nm=known("WAVELENGTHS"),
        labels=known("LABELS"),
        anomalies=None if anomalies is None else anomalies.astype(bool),
    )


def _from_file(source: Source) -> Scene:
    from hypress.files import open_scene

    scene = open_scene(source.path)
    wavelength = scene.coords["wavelength"].to_numpy() if "wavelength" in scene.coords else None
    return Scene(source.name, _integers(source.name, as_samples(scene.to_numpy())), wavelength_nm=wavelength)


def _integers(name: str, samples: NDArray[Any]) -> NDArray[Any]:
    """The benchmark compares codecs of integers; peers know no nodata. Raises SceneError."""
    if samples.dtype.kind not in "iu" or samples.dtype.itemsize > 2:
        raise SceneError(f"{name} has samples of {samples.dtype}: the benchmark takes integers of up to 16 bits")
    return np.ascontiguousarray(samples)
