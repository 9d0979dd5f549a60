"""Anyone's codec on the table: a TOML file that names command lines, or a Python object.

    name = "theirs"
    version = "theirs 1.2"
    encode = "theirs -c {input} {output} --rows {rows} --columns {columns} --bands {bands} -r {rate_bpppc}"
    decode = "theirs -d {input} {output}"
    lossless = {rate_bpppc = 0}           # settings that lose nothing, if it has such
    within = {near = "{dn}"}              # settings that bound every error by dn, if it has such
    knob = {field = "rate_bpppc", low = 0.001, high = 16}

Commands read and write raw samples, band after band, little-endian, in the scene's own integer type (`{dtype}`); no
shell stands between. With `python = "module:name"` instead of commands, the object has `encode(samples, **settings)`
and `decode(data, shape, dtype)`.
"""

from __future__ import annotations

import importlib
import shlex
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
import numpy as np
from msgspec import Meta

from hypress.bench.contender import Contender, Settings, Shape
from hypress.bench.tuned import Tuned
from hypress.codec import Knob
from hypress.errors import ConfigurationError, HypressError, InputNotFoundError, MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Positive = Annotated[float, Meta(gt=0)]


class ContenderError(HypressError, RuntimeError):
    """Somebody's codec failed: its command ended with an error, or wrote nothing, or not what was asked for."""


class Turnable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The knob of a contender file."""

    field: str
    low: Positive
    high: Positive


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contender file."""

    name: str
    version: str = "version not stated"
    encode: str | None = None
    decode: str | None = None
    python: str | None = None
    lossless: dict[str, Any] | None = None
    within: dict[str, Any] | None = None
    knob: Turnable | None = None

    def __post_init__(self) -> None:
        commands = self.encode is not None and self.decode is not None
        if commands == (self.python is not None):
            raise ConfigurationError("a contender file has either encode and decode, or python")


def read_contender(path: Path) -> Contender:
    """The contender that a TOML file describes. Raises InputNotFoundError, ConfigurationError."""
    try:
        described = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Description)
    except FileNotFoundError:
        raise InputNotFoundError(f"{path} does not exist") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return Outside(described) if described.python is None else OutsidePython(described)


@dataclass(frozen=True)
class _Described(Tuned):
    family: ClassVar[str] = "external"
    described: Description

    @property
    def name(self) -> str:
        """As the file says."""
        return self.described.name

    @property
    def configuration(self) -> Settings:
        """The file."""
        told: Settings = msgspec.to_builtins(self.described)
        return {key: value for key, value in told.items() if value is not None}

    @property
    def knob(self) -> Knob | None:  # type: ignore[override]
        """As the file says."""
        knob = self.described.knob
        return None if knob is None else Knob(knob.field, knob.low, knob.high)

    def lossless(self) -> Settings | None:
        """As the file says; a bound of 0 is lossless too."""
        return self.described.lossless if self.described.lossless is not None else self.within(0)

    def within(self, dn: int) -> Settings | None:
        """As the file says, `{dn}` filled in."""
        if self.described.within is None:
            return None
        return {k: v.format(dn=dn) if isinstance(v, str) else v for k, v in self.described.within.items()}


@dataclass(frozen=True)
class Outside(_Described):
    """Command lines."""

    def version(self) -> str:
        """As the file says. Raises MissingExtraError where the program is not there."""
        import shutil

        program = shlex.split(self.described.encode or "")[0]
        if shutil.which(program) is None:
            raise MissingExtraError(f"the program {program!r} is not installed")
        return self.described.version

    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """Through a raw file."""
        little = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
        shape: Shape = samples.shape  # type: ignore[assignment]
        assert self.described.encode is not None
        return self._through(self.described.encode, little.tobytes(), shape, samples.dtype, settings)

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Through a raw file. Raises ContenderError where it is not of the right size."""
        assert self.described.decode is not None
        raw = self._through(self.described.decode, data, shape, dtype, {})
        wanted = int(np.prod(shape)) * dtype.itemsize
        if len(raw) != wanted:
            raise ContenderError(f"{self.name} decoded {len(raw)} bytes instead of {wanted}")
        return np.frombuffer(raw, dtype.newbyteorder("<")).reshape(shape).astype(dtype, copy=False)

    def _through(self, line: str, data: bytes, shape: Shape, dtype: np.dtype[Any], settings: Settings) -> bytes:
        bands, rows, columns = shape
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "input"), Path(folder, "output")
            source.write_bytes(data)
            filled = {"bands": bands, "rows": rows, "columns": columns, "dtype": dtype.name} | settings
            try:
                words = [word.format(input=source, output=target, **filled) for word in shlex.split(line)]
            except KeyError as error:
                raise ConfigurationError(f"{self.name}: nothing fills {error} in {line!r}") from None
            done = subprocess.run(words, capture_output=True, check=False, stdin=subprocess.DEVNULL)
            if done.returncode != 0 or not target.exists():
                said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                raise ContenderError(f"{self.name}: {words[0]} ended with code {done.returncode}: {said[0]}")
            return target.read_bytes()


@dataclass(frozen=True)
class OutsidePython(_Described):
    """A Python object."""

    @property
    def _object(self) -> Any:
        module, _, attribute = (self.described.python or "").partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ImportError as error:
            raise MissingExtraError(f"{self.name}: {error}") from error
        except AttributeError as error:
            raise ConfigurationError(f"{self.name}: {error}") from error

    def version(self) -> str:
        """As the file says. Raises MissingExtraError where the module is not there."""
        return f"{self.described.version}" if self._object is not None else ""

    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """`object.encode(samples, **settings)`."""
        return bytes(self._object.encode(samples, **settings))

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """`object.decode(data, shape, dtype)`."""
        return np.asarray(self._object.decode(data, shape, dtype)).astype(dtype, copy=False)
