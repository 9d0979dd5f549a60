"""A scene as a SIREN: as published, upon feature grids, or moving a base that was learnt beforehand.

published ─► search ─► fit           a form each: `published`, `on_grids`, `meta`; what fits the last two stands apart,
on_grids ◄── on_grids_fit ─► fit     since decoding does without torch
meta ◄────── meta_fit ─────► fit     all evaluate their layers by `apply`
"""
