"""Speed of the CCSDS codecs on one thread, beside other implementations where they are at hand.

    python benchmarks/ccsds.py ../shared/data [--peer-122 PROGRAM] [--peer-123 FOLDER]

`_ccsds122.py` and `_ccsds123.py` say what the peers are; the environment variables `HYPRESS_PEER_122` and
`HYPRESS_PEER_123` name them as well. Run by themselves they also print sizes.
"""

import argparse
import os
from pathlib import Path

import _ccsds122
import _ccsds123


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer-122", default=os.environ.get("HYPRESS_PEER_122"))
    parser.add_argument("--peer-123", default=os.environ.get("HYPRESS_PEER_123"))
    given = parser.parse_args()
    for row in (*_ccsds123.rows(given.folder, given.peer_123), "", *_ccsds122.rows(given.folder, given.peer_122)):
        print(row, flush=True)


if __name__ == "__main__":
    main()
