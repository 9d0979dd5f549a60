"""Work on whole scenes, tile by tile: compress, decompress, verify, compare; one scene or an archive of them."""
