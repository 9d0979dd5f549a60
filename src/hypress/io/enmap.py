"""EnMAP products as DLR delivers them: `…-SPECTRAL_IMAGE.TIF` with `…-METADATA.XML` beside it.

The samples are the GeoTIFF's. Wavelength, FWHM, gain and offset of each band come from the XML's
`bandCharacterisation`. The two detectors' files of a level 1B product are two scenes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.parsers import expat

from hypress.errors import InputNotFoundError, ReadError
from hypress.io import geotiff
from hypress.io.facts import Facts, scaled, spectral
from hypress.io.lazy import open_lazy

if TYPE_CHECKING:
    import xarray as xr

LARGEST = 64 * 1024 * 1024
"""Bytes that a metadata file may have; real ones have some 100 kB."""

_NAMED = {
    "startTime": "acquisition_time",
    "level": "product_level",
    "processingVersion": "processing_version",
}


def belongs(path: Path) -> bool:
    """Whether a path is part of an EnMAP product: its folder, its XML, or its spectral image."""
    if path.is_dir():
        return bool(_images(path))
    name = path.name.upper()
    if name.endswith("METADATA.XML"):
        return True
    return "SPECTRAL_IMAGE" in name and name.endswith((".TIF", ".TIFF")) and _xml_beside(path) is not None


def open_scene(path: Path, variable: str | None = None) -> xr.DataArray:
    """The spectral image of a product, lazily. Raises ReadError, InputNotFoundError."""
    if path.is_dir():
        image = _one_image(path, path)
        xml = _xml_beside(image)
    elif path.suffix.lower() == ".xml":
        image, xml = _one_image(path.parent, path), path
    else:
        image, xml = path, _xml_beside(path)
    if xml is None:
        raise InputNotFoundError(f"{path}: there is no *METADATA.XML beside {image.name}")
    source, facts = geotiff.open_facts(image)
    facts.band.pop("band_name", None)
    _describe(facts, _tree(xml), xml, image, source.shape[0])
    scene: xr.DataArray = open_lazy(source, facts)
    return scene


def _images(folder: Path) -> list[Path]:
    def fits(path: Path) -> bool:
        name = path.name.upper()
        return "SPECTRAL_IMAGE" in name and name.endswith((".TIF", ".TIFF"))

    return sorted(path for path in folder.iterdir() if fits(path))


def _one_image(folder: Path, asked: Path) -> Path:
    images = _images(folder)
    if asked.suffix.lower() == ".xml":
        stem = asked.name.upper().partition("-METADATA")[0]
        images = [image for image in images if image.name.upper().startswith(stem)]
    if not images:
        raise InputNotFoundError(f"{asked}: there is no *SPECTRAL_IMAGE*.TIF beside it")
    if len(images) > 1:
        raise ReadError(f"{asked}: several spectral images ({', '.join(i.name for i in images)}): open one of them")
    return images[0]


def _xml_beside(image: Path) -> Path | None:
    stem = image.name.upper().partition("SPECTRAL_IMAGE")[0]
    found = [p for p in image.parent.iterdir() if p.name.upper() == stem + "METADATA.XML"]
    return found[0] if found else None


# --- the XML ---------------------------------------------------------------------------------------


def _tree(path: Path) -> ElementTree.Element:
    """The document, refused if it declares entities: they can expand without bound, or reach other files."""
    if path.stat().st_size > LARGEST:
        raise ReadError(f"{path}: an XML file of {path.stat().st_size} bytes; at most {LARGEST} are read")
    text = path.read_bytes()

    def refuse(*_: Any) -> None:
        raise ReadError(f"{path}: the XML declares a document type, which EnMAP metadata does not: refused")

    try:
        guard = expat.ParserCreate()
        guard.StartDoctypeDeclHandler = refuse
        guard.Parse(text, True)
        return ElementTree.fromstring(text)
    except (expat.ExpatError, ElementTree.ParseError, LookupError, ValueError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{path}: no well-formed XML: {error}") from error


def _describe(facts: Facts, root: ElementTree.Element, xml: Path, image: Path, bands: int) -> None:
    rows = [row for row in root.iter("bandID") if row.find("wavelengthCenterOfBand") is not None]
    if not rows:
        raise ReadError(f"{xml}: it has no bandCharacterisation with wavelengthCenterOfBand")
    rows = _rows_of(rows, root, xml, image, bands)
    wavelength, fwhm = _numbers(rows, "wavelengthCenterOfBand", xml), _numbers(rows, "FWHMOfBand", xml)
    for key in ("wavelength_as_stated", "fwhm_as_stated"):
        facts.band.pop(key, None)
    spectral(facts, xml, bands, "nm", wavelength, fwhm)
    gain, offset = _numbers(rows, "GainOfBand", xml), _numbers(rows, "OffsetOfBand", xml)
    if gain is not None:
        scaled(facts, gain, offset if offset and any(offset) else None)
    for element in root.iter():
        name = _NAMED.get(element.tag)
        if name is not None and element.text:
            facts.attrs.setdefault(name, element.text.strip())


def _rows_of(
    rows: list[ElementTree.Element], root: ElementTree.Element, xml: Path, image: Path, bands: int
) -> list[ElementTree.Element]:
    """The rows that describe this image: all, or those of its detector."""
    if len(rows) == bands:
        return rows
    detector = next((d for d in ("vnir", "swir") if d in image.name.lower()), "")
    listed = root.find(f".//{detector}ProductQuality/expectedChannelsList") if detector else None
    if listed is not None and listed.text:
        channels = {number.strip() for number in listed.text.split(",")}
        own = [row for row in rows if row.get("number") in channels]
        if len(own) == bands:
            return own
    raise ReadError(f"{xml}: it characterises {len(rows)} bands, but {image.name} has {bands}")


def _numbers(rows: list[ElementTree.Element], key: str, path: Path) -> list[float] | None:
    texts = [row.findtext(key) for row in rows]
    if any(text is None or not text.strip() for text in texts):
        return None
    try:
        return [float(text) for text in texts if text is not None]
    except ValueError as error:
        raise ReadError(f"{path}: {key} holds no number: {error}") from error
