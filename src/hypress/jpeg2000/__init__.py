"""JPEG 2000 Part 1 (ISO/IEC 15444-1), the part of it that images of many components need.

    components ─► DC shift ─► wavelet ─► quantiser ─► bit-planes ─► where to cut ─► packets ─► codestream
                  encoder     dwt        quantise     tier1         rate, cut       tier2      markers

Streams have one tile, one layer, one precinct to a resolution and no component transform, and any standard
decoder reads them. Components compete for bytes: a budget is shared out over the blocks of all of them.

- `encode`, `decode`: an array to a codestream and back.
- `code_blocks`: the costly part of encoding, once; `Coded.cut`: a codestream at a rate, as often as wanted.
"""

from hypress.jpeg2000.cut import Coded, Cut
from hypress.jpeg2000.decoder import decode
from hypress.jpeg2000.encoder import code_blocks, encode

__all__ = ["Coded", "Cut", "code_blocks", "decode", "encode"]
