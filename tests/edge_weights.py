"""Small networks with weights drawn at random, for what does not ask how good they are."""

import numpy as np

HIFIC = {"bands": 16, "width": 0.1, "latents": 16, "hyper": 8, "blocks": 1}
SMALL = {
    "bandwise": {"filters": 12, "latents": 10, "hyper": 6},
    "cae1d": {"halvings": 2, "widths": [24, 16, 8, 8, 16, 24]},
    "cae3d": {"latents": 2, "widths": [5, 8, 6, 6, 6, 8, 6, 6, 6, 5]},
    "sscnet": {"bands": 12, "latents": 6, "widths": [20, 18, 16, 24, 22, 16, 14, 12]},
    "hific": HIFIC,
    "hific_se": HIFIC | {"squeeze": "norms"},
    "hific_3d": HIFIC | {"cubes": "ends"},
}
"""Architectures; the scene has 12 bands."""


def write_weights(codec, folder, **recipe):
    """Put a file of small weights in a folder; its path."""
    import torch

    from hypress.neural import pretrained
    from hypress.prune import networks

    torch.manual_seed(1)
    net = networks.build(codec, SMALL[codec])
    for name, buffer in net.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    if codec in ("hific", "hific_se", "hific_3d"):
        recipe = {"generative": {"discriminator_width": 0.1}} | recipe
    given = {"steps": 4, "batch": 1, "patch": 16, "warmup": 1, "validation": ["two"], "validate_every": 2} | recipe
    architecture = SMALL[codec] | ({"models": 1} if codec == "bandwise" else {})
    path = folder / f"{codec}.safetensors"
    card = pretrained.Card(
        codec=codec, architecture=architecture, bands=12 if codec == "sscnet" else None, recipe={"codec": codec} | given
    )
    pretrained.write(path, networks.tensors(net), card)
    return path


def write_scenes(folder):
    """Two scenes of 12 bands to tune and to measure on."""
    from hypress.testing import gallery

    folder.mkdir()
    realistic = next(c for c in gallery() if c.name == "realistic").samples
    np.save(folder / "one.npy", realistic)
    np.save(folder / "two.npy", realistic[:, ::-1].copy())
    return folder
