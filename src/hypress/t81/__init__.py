"""JPEG (ITU-T T.81 | ISO/IEC 10918-1): grey images in sequential Huffman mode, of 8 bits (baseline) or 12 (extended).

samples ─► cosine transform ─► quantised ─► zigzag ─► runs and sizes ─► Huffman ─► segments
           transforms.dct       coder        scan                       huffman    markers
"""

from hypress.t81.coder import decode, encode, flat_table

__all__ = ["decode", "encode", "flat_table"]
