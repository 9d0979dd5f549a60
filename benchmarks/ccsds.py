"""The CCSDS codecs: speed on one thread, beside other implementations where they are at hand, and sizes of scenes.

    python benchmarks/ccsds.py ../shared/data [--peer-122 PROGRAM] [--peer-123 FOLDER] [--scenes samson]

`_ccsds122.py` and `_ccsds123.py` say what the peers are; the environment variables `HYPRESS_PEER_122` and
`HYPRESS_PEER_123` name them as well. Without `--scenes`, sizes are of all test scenes.
"""

import argparse
import os
from pathlib import Path

import _ccsds122
import _ccsds123
from public_scenes import TEST_SCENES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer-122", default=os.environ.get("HYPRESS_PEER_122"))
    parser.add_argument("--peer-123", default=os.environ.get("HYPRESS_PEER_123"))
    parser.add_argument("--scenes", nargs="*", default=TEST_SCENES)
    given = parser.parse_args()
    for module, peer in ((_ccsds123, given.peer_123), (_ccsds122, given.peer_122)):
        for rows in (module.rows(given.folder, peer), module.sizes(given.folder, given.scenes)):
            for row in rows:
                print(row, flush=True)
            print()


if __name__ == "__main__":
    main()
