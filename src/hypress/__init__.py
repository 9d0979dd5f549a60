"""hypress compresses hyperspectral scenes."""
