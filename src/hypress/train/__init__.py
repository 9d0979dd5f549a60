"""Training: scenes ─► batches ─► loss ─► weights that a codec reads.

- `recipe`: what a training is, typed; `recipes/*.json` are ours.
- `scenes`, `hyspecnet`: where samples come from; `loop`: how a training goes, and goes on after it was stopped.
- `bandwise`, `autoencoders`: what is trained, one file for each family of codecs.
"""
