"""A scene as a generative network: a cube of features, convolutions that double it, and the weights are the file.

encode, many ─► plan ─► fit ─► net ─► rate ─► coding      `scenes` is what a fit sees, block by block (`blocks`)
decode        ◄─ apply ◄───────────────────── coding      `key` keeps a scene from those without its secret
"""
