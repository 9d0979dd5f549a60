"""CCSDS 122.0-B-2, image data compression: wavelet transform and bit-plane coder.

    pixels ─► wavelet ─► blocks of 64 ─► DC coefficients ─► block depths ─► bit-planes ─► coded segments
              dwt        blocks, layout  differences                        codes         encoder, header
                                         └───────── encode_segment, decode_segment ─────────┘

- `encode`, `decode`: an image to the coded segments of the standard, and back; of a cut stream, what is there.
- `parameters`: header parts 4, 3 and 2 as `Image`, `Options` and `Limits`; `header`: their bytes.
- `rate`: segments of many images that share a budget; `spectral`: transforms across bands in front of it all.
- `reference`: the segment coder in plain Python, as the text has it.
"""

from hypress.ccsds122.decoder import Decoded, Stream, decode
from hypress.ccsds122.encoder import Coded, code, encode
from hypress.ccsds122.header import Known
from hypress.ccsds122.parameters import Image, Limits, Options

__all__ = ["Coded", "Decoded", "Image", "Known", "Limits", "Options", "Stream", "code", "decode", "encode"]
