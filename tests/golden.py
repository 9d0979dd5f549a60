"""Write a codec's golden files: `python tests/golden.py NAME`. Once per bitstream number; never over old ones.

`tests/golden/NAME/BITSTREAM-EXAMPLE.hyp` is a codestream, and the `.npy` beside it what it decodes to.
"""

import sys
from pathlib import Path

import numpy as np

import hypress
from hypress.codec import Codec, find
from hypress.testing import gallery

FOLDER = Path(__file__).parent / "golden"


def files(kind: type[Codec]) -> list[tuple[Codec, Path]]:
    """Each example configuration, and where its golden codestream is."""
    return [(e, FOLDER / kind.name / f"{kind.bitstream}-{i}.hyp") for i, e in enumerate(kind.examples())]


def write(name: str) -> None:
    """The golden files that are not there yet."""
    kind, scene = find(name), next(c for c in gallery() if c.name == "nodata")
    scene = scene.with_bands(kind.bands[0]) if kind.bands else scene
    for example, path in files(kind):
        if path.exists():
            print(f"{path} is there already: bump the codec's bitstream number if it should change")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(hypress.encode(scene.samples, example, nodata=scene.nodata))
        np.save(path.with_suffix(".npy"), hypress.decode(path.read_bytes()))
        print(path)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        write(wanted)
