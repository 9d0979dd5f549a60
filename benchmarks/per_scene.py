"""The tables of the codecs that fit a network to a scene.  python benchmarks/per_scene.py ../shared/data [siren] [gnn]

`load.py` in that folder turns the public files into arrays; `_siren.py` and `_gnn.py` say what is measured. Rates count
the whole codestream.
"""

import argparse
import importlib
from pathlib import Path

from public_scenes import cubes

NETWORKS = ("siren", "gnn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("codecs", nargs="*", default=NETWORKS, help="siren, gnn or both")
    given = parser.parse_args()
    scenes = cubes(given.folder)
    for name in given.codecs:
        for row in importlib.import_module(f"_{name}").rows(scenes):
            print(row, flush=True)
        print()


if __name__ == "__main__":
    main()
