"""The tables of the codecs that fit a network to a scene.  python benchmarks/per_scene.py ../shared/data [table …]

A table is one of `siren.published`, `siren.base`, `gnn.powers`, `gnn.blocks`, `gnn.scenes`, `gnn.rounded`,
`gnn.fitted` and `beside.rates`, or all of a kind: `siren`, `gnn`, `beside`. `load.py` in that folder turns the
public files into arrays; `_siren.py`, `_gnn.py` and `_beside.py` say what is measured. Rates count the whole
codestream.
"""

import argparse
import importlib
from pathlib import Path

from public_scenes import cubes

KINDS = ("siren", "gnn", "beside")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("tables", nargs="*", default=KINDS, help="such as siren, or gnn.rounded; none: all")
    given = parser.parse_args()
    scenes = cubes(given.folder)
    for wanted in given.tables:
        kind, _, name = wanted.partition(".")
        tables = importlib.import_module(f"_{kind}").TABLES
        for table in [tables[name]] if name else tables.values():
            for row in table(scenes):
                print(row, flush=True)
            print()


if __name__ == "__main__":
    main()
