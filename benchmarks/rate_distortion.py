"""Rate-distortion tables of the codecs on the public scenes: what docs/rate-distortion.md holds, from one command.

    python benchmarks/rate_distortion.py ../shared/data --output docs/rate-distortion.md
    python benchmarks/rate_distortion.py ../shared/data --scenes samson --codecs speck3d jpeg:bits=12 --rates 0.1 1

`load.py` in that folder turns the public files into arrays. A codec may be followed by fields to set. Rates are goals,
and count the whole codestream; the peak of PSNR is the scene's maximum. A goal that a codec cannot keep is a dash.
Codecs that need an extra are left out unless named.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import hypress
from hypress.codec import Codec, listing, make
from hypress.errors import GoalError
from hypress.metrics import Tally
from public_scenes import TEST_SCENES, cubes

VARIANTS = {"jpeg": ["jpeg:bits=8", "jpeg:bits=12"], "ccsds122": ["ccsds122", "ccsds122:spectral=iwt"]}
"""Codecs of which more than the default is shown."""


def codec_of(text: str) -> Codec:
    """`name` or `name:field=value,field=value`."""
    name, _, fields = text.partition(":")
    return make(name, dict(field.split("=") for field in fields.split(",")) if fields else {}, strict=False)


def all_codecs() -> list[str]:
    """Those that need nothing more to be installed."""
    names = [name for name in hypress.codec_names() if listing(name).needs is None]
    return [variant for name in names for variant in VARIANTS.get(name, [name])]


def row(samples: np.ndarray, codec: Codec, rates: list[float]) -> Iterator[str]:
    """The cells of one codec: PSNR and spectral angle at each rate, bits when lossless."""
    for rate in rates:
        try:
            tally = Tally.of(samples, hypress.decode(hypress.encode(samples, codec, hypress.Rate(bpppc=rate))))
            yield f"{tally.psnr_db():.2f} / {tally.sam_deg:.2f}°"
        except GoalError:
            yield "–"
    try:
        data = hypress.encode(samples, codec, hypress.Lossless())
        assert np.array_equal(hypress.decode(data), samples)
        yield f"{hypress.metrics.bpppc(len(data), samples.shape):.3f}"
    except GoalError:
        yield "–"


def tables(folder: Path, scenes: list[str], codecs: list[str], rates: list[float]) -> Iterator[str]:
    """The page, line by line."""
    load = cubes(folder)
    for name in scenes:
        samples = load[name]()
        yield f"\n## {name}\n"
        yield f"{' × '.join(map(str, samples.shape))} (band × y × x), {samples.dtype}, peak {samples.max()}\n"
        yield "| codec | " + " | ".join(f"{r:g}" for r in rates) + " | lossless |"
        yield "|---|" + "---|" * (len(rates) + 1)
        for codec in codecs:
            yield f"| {codec.replace(':', ', ')} | " + " | ".join(row(samples, codec_of(codec), rates)) + " |"


HEAD = """# Rate and distortion

Written by `python benchmarks/rate_distortion.py ../shared/data --output docs/rate-distortion.md`; not by hand.

PSNR in dB (the peak is the scene's maximum) and mean spectral angle at rates in bits per sample, whole codestreams
counted; lossless in bits per sample. A dash: the codec has no such form, or its headers alone take more.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", nargs="*", default=TEST_SCENES)
    parser.add_argument("--codecs", nargs="*", default=all_codecs())
    parser.add_argument("--rates", nargs="*", type=float, default=[0.1, 0.2, 0.5, 1.0])
    parser.add_argument("--output", type=Path, help="a Markdown page to write, besides showing it")
    given = parser.parse_args()
    page: list[Any] = [HEAD.rstrip()]
    for line in tables(given.folder, given.scenes, given.codecs, given.rates):
        print(line, flush=True)
        page.append(line)
    if given.output is not None:
        given.output.write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
