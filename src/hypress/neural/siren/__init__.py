"""A scene as a SIREN: as published, upon feature grids, or moving a base that was learnt beforehand.

published ─► search ─► fit ─► net      a form each: `published`, `on_grids`, `meta`; what fits the last two stands
on_grids ◄── on_grids_fit ─► fit       apart, since decoding does without torch
meta ◄────── meta_fit ─► meta_net      all evaluate their layers by `apply`
"""
