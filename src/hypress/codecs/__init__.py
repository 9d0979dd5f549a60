"""One file here is one codec. Add a file, and everything else finds it.

See `docs/adding-a-codec.md`. Listing this directory is the registry; importing this package imports no codec.
"""
