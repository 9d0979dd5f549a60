"""Looking at scenes: pictures, maps of errors, spectra, and a page in the browser that shows them.

picture = hypress.view.composite("scene.zarr.zip")                 # uint8 (y, x, 4)
hypress.view.quicklook("scene.hdr", "scene.png", "true colour")    # the same as a file
hypress.view.snapshot(["scene.hdr", "scene.zarr.zip"], "both.png") # scenes and their difference
hypress.view.serve(["scene.hdr", "scene.zarr.zip"])                # the page; see docs/explorer.md

sources (what is decoded) ─► layer (where) ─► render (colours), spectra ─► pictures, or session ─► server ─► page
"""

from hypress.view.pictures import composite, quicklook, snapshot
from hypress.view.server import serve

__all__ = ["composite", "quicklook", "serve", "snapshot"]
