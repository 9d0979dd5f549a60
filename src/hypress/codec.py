"""What a codec is, and how codecs are found.

A codec is an immutable recipe: its dataclass fields are its whole configuration. It turns dense integer
samples into named streams of bytes, and back. Everything around it is done once for all codecs: masks and
floats (`samples`), goals (`goal`), the file (`codestream`), tiles and scenes (`store`).

One codec is one file in `hypress/codecs/`, named as the codec; listing that directory is the registry. Other
packages add theirs through the entry-point group `hypress.codecs`. Listing imports none of them.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_type_hints

import msgspec

from hypress.errors import ConfigurationError, MissingExtraError, UnknownCodecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENTRY_POINTS = "hypress.codecs"


class Spec(msgspec.Struct, frozen=True):
    """All that a decoder may know besides the streams."""

    shape: tuple[int, int, int]
    """`(band, y, x)`, always in this order."""
    dtype: str
    """Integer type of the samples that the codec sees, in numpy's name: `uint16`, `int16`, …"""
    bits: int
    """Significant bits of a sample; for a signed type the sign is one of them."""


@dataclasses.dataclass(frozen=True)
class Knob:
    """The one field that a goal may turn: a larger value costs more bytes and loses less."""

    field: str
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Codec(ABC):
    """An immutable recipe: dense integer samples to named streams of bytes, and back.

    Subclasses are frozen dataclasses whose fields are JSON values. `encode` and `decode` must be
    deterministic, thread-safe and leave their arguments alone.
    """

    name: ClassVar[str]
    """The file's name. It goes to disk, so it is for ever."""
    bitstream: ClassVar[int] = 1
    """Bumped when an old file would decode differently."""
    knob: ClassVar[Knob | None] = None
    needs: ClassVar[str | None] = None
    """The extra to install, such as `neural`. Such dependencies are imported inside methods."""
    max_bits: ClassVar[int] = 16
    """Widest samples that the codec takes; wider ones are split or quantised before it sees them."""
    bands: ClassVar[tuple[int, ...]] = ()
    """The only numbers of bands that it takes as it is by default; none named: any."""
    embedded: ClassVar[str | None] = None
    """The last stream, where each of its prefixes decodes: a goal is met by cutting it instead of by coding again."""
    ending: ClassVar[str | None] = None
    """File ending of the standard's own stream; `to_standard` and `from_standard` exchange it with other software."""

    @abstractmethod
    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """Code `samples`, integers `(band, y, x)` of `spec.dtype`, as named streams."""

    @abstractmethod
    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """Samples of `spec.shape` and `spec.dtype`. Raises CodestreamError on streams it cannot have written."""

    def max_error(self) -> int | None:
        """The promise, in sample units: 0 is lossless, n is near-lossless, None is no promise."""
        return None

    def with_max_error(self, dn: int) -> Self | None:
        """This recipe changed to promise a maximum error of `dn` (0: lossless), or None if it has no such form."""
        promise = self.max_error()
        return self if promise is not None and promise <= dn else None

    def with_relative_error(self, percent: float) -> Self | None:
        """This recipe changed to bound each error by `percent` of the sample's predicted value, or None."""
        return None

    def with_mse(self, mse: float) -> Self | None:
        """This recipe changed to come to a mean squared error of at most `mse`, and little less, in one encoding.

        In squared units of the integers that the codec sees. None: it has no such form, and its knob is turned instead.
        """
        return None

    def to_standard(self, samples: NDArray[Any], spec: Spec) -> bytes:
        """Samples `(band, y, x)` as the standard's own stream. Raises ConfigurationError where it cannot say all."""
        raise ConfigurationError(f"codec {self.name} has no standard stream of its own")

    def from_standard(self, data: bytes) -> NDArray[Any]:
        """Samples `(band, y, x)` of a standard's own stream, whose header says their shape and type.

        What the header may leave out comes from this codec's fields. Raises CodestreamError, LimitError.
        """
        raise ConfigurationError(f"codec {self.name} has no standard stream of its own")

    def lossy(self) -> Self:
        """This recipe changed so that its knob is in force."""
        return self

    @classmethod
    @abstractmethod
    def examples(cls) -> Iterable[Codec]:
        """Cheap configurations for tests, documentation and benchmark."""

    # --- configuration ---------------------------------------------------------------------------

    def configuration(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @classmethod
    def configured(cls, fields: Mapping[str, Any], *, strict: bool = True) -> Self:
        """The codec with these fields, checked against their types and ranges; the rest keep their defaults.

        With `strict=False`, values may be text, as on a command line. Raises ConfigurationError.
        """
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(fields) - known):
            have = ", ".join(sorted(known)) or "none"
            raise ConfigurationError(f"codec {cls.name} has no field {', '.join(unknown)}; its fields are: {have}")
        try:
            return msgspec.convert(dict(fields), cls, strict=strict)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise ConfigurationError(f"codec {cls.name}: {error}") from None

    def turned(self, **fields: Any) -> Self:
        """This codec with some fields changed, checked. Raises ConfigurationError."""
        return self.configured(self.configuration() | fields)

    @classmethod
    def fields(cls) -> dict[str, tuple[Any, Any]]:
        """Field name to (type, default), for help texts."""
        hints = get_type_hints(cls, include_extras=False)
        return {f.name: (hints[f.name], f.default) for f in dataclasses.fields(cls)}


# --- the registry ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Listing:
    """What is known of a codec without importing it."""

    name: str
    summary: str
    needs: str | None
    ending: str | None


def names() -> list[str]:
    """Names of all codecs, sorted. Imports none of them."""
    return sorted({*_modules(), *_plugins()})


def find(name: str) -> type[Codec]:
    """The codec class of that name.

    Raises UnknownCodecError, naming those installed, or MissingExtraError, naming what to install.
    """
    plugins = _plugins()
    if name not in plugins and name not in _modules():
        raise UnknownCodecError(f"no codec named {name!r} is installed; there are: {', '.join(names())}")
    try:
        if name in plugins:
            found = plugins[name].load()
        else:
            found = _class_in(importlib.import_module(f"hypress.codecs.{name}"), name)
    except ImportError as error:
        extra = listing(name).needs
        if extra is None:
            raise
        raise MissingExtraError(f"codec {name} needs: pip install 'hypress[{extra}]' ({error})") from error
    if not (isinstance(found, type) and issubclass(found, Codec) and found.name == name):
        raise UnknownCodecError(f"what is registered as codec {name!r} is no Codec of that name: {found!r}")
    return found


def make(codec: str | Codec, fields: Mapping[str, Any] | None = None, *, strict: bool = True) -> Codec:
    """A codec from its name or itself, with some fields set. Raises as `find` and `Codec.configured`."""
    if isinstance(codec, Codec):
        return codec.turned(**fields) if fields else codec
    return find(codec).configured(fields or {}, strict=strict)


def listing(name: str) -> Listing:
    """Name, first line, extra and standard file ending of a codec, read from its source text without running it."""
    path = _source(name)
    if path is None:
        return Listing(name, "", None, None)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    summary = (ast.get_docstring(tree) or "").partition("\n")[0]
    said: dict[str, Any] = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
        ):
            said.setdefault(node.target.id, node.value.value)
    return Listing(name, summary, said.get("needs"), said.get("ending"))


def of_standard(path: str | Path) -> str | None:
    """The codec whose standard's file ending `path` has, if any. Imports none."""
    ending = Path(path).suffix.lower()
    return next((name for name in names() if ending and listing(name).ending == ending), None)


def _modules() -> list[str]:
    import hypress.codecs

    return [m.name for m in pkgutil.iter_modules(hypress.codecs.__path__) if not m.name.startswith("_")]


@cache
def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _class_in(module: Any, name: str) -> type[Codec]:
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, Codec) and getattr(found, "name", None) == name:
            return found
    raise UnknownCodecError(f"{module.__name__} defines no codec named {name!r}: a codec's name is its file's name")


def _source(name: str) -> Path | None:
    plugins = _plugins()
    module = plugins[name].module if name in plugins else f"hypress.codecs.{name}"
    found = importlib.util.find_spec(module)
    return Path(found.origin) if found is not None and found.origin is not None else None
