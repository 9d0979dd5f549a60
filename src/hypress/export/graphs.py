"""From a file of weights to the graphs of all its parts, in a folder that is all a device needs.

NAME.analysis.onnx             of every codec
NAME.synthesis.onnx            likewise
NAME.hyper_analysis.onnx       of bandwise and hific: in floating point, as the encoder alone runs it
NAME.hyper_synthesis.onnx      of bandwise and hific: in exact integers, see `fixed`; of hific, means before scales
NAME.probabilities.onnx        of bandwise: likewise
NAME.safetensors               the card, and the integers that coding needs
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import nn

from hypress import codec as codecs
from hypress.codec import Spec
from hypress.errors import ConfigurationError, OutputExistsError, WeightsError
from hypress.export import fixed, int8, layers
from hypress.export.writer import facts_of
from hypress.levels import integer_type
from hypress.neural import autoencoder, engine, engine_torch, networks, pretrained
from hypress.neural.bandwise import coding as bandwise_coding
from hypress.neural.bandwise import model as bandwise
from hypress.neural.engine_onnx import graph_name
from hypress.neural.hific import coding as hific_coding
from hypress.neural.hific import model as hific
from hypress.neural.pretrained import Weights
from hypress.progress import Task
from hypress.whole import write_whole

FLOATING = ("analysis", "synthesis", "hyper_analysis")
CALIBRATED = 16
"""Batches that the ranges of a part's activations are found on."""


def write_graphs(
    weights: Weights, folder: Path, scenes: Sequence[NDArray[Any]] | None, *, overwrite: bool
) -> dict[str, Path]:
    """Write the graphs of all parts into a folder; in eight bits, calibrated on `scenes`, where there are any.

    Raises ConfigurationError, WeightsError, OutputExistsError.
    """
    if weights.card.graphs_of:
        raise WeightsError(f"{weights.path} goes with graphs that exist: give the weights that they were made of")
    if weights.card.codec not in networks.CODECS:
        raise ConfigurationError(f"the networks of codec {weights.card.codec} cannot be exported")
    count = weights.card.architecture.get("models", 1)
    parts = {(name, n): part for n in range(count) for name, part in modules(weights, n).items()}
    seen = _seen(weights, parts, scenes) if scenes is not None else {}
    folder.mkdir(parents=True, exist_ok=True)
    progress = Task("export", len(parts) + 1, "graphs")
    written = {}
    for (name, number), part in parts.items():
        path = folder / graph_name(weights.name, name, number)
        if path.exists() and not overwrite:
            raise OutputExistsError(f"{path} exists; choose another folder or allow overwriting (--overwrite)")
        facts = facts_of(weights.digest.hex(), name)
        if name in FLOATING:
            model = layers.model(part, facts)
            if seen.get((name, number)):
                model = int8.quantised(model, seen[name, number])
        else:
            model = fixed.model(part, facts)
        write_whole(path, model.SerializeToString())
        written[path.name.removeprefix(f"{weights.name}.").removesuffix(".onnx")] = path
        progress.advance(1, path.name)
    _write_facts(weights, folder / f"{weights.name}{pretrained.ENDING}")
    progress.advance(1)
    return written


def modules(weights: Weights, number: int = 0) -> dict[str, Any]:
    """The parts of a network: layers by torch, or chains of fixed-point convolutions, see `fixed.model`."""
    if weights.card.codec in engine_torch.AUTOENCODERS:
        net = autoencoder.network(weights, engine_torch.AUTOENCODERS[weights.card.codec])
        return {"analysis": net.encoder, "synthesis": net.decoder}
    if weights.card.codec in networks.HIFIC:
        with engine.use("torch"):
            net = engine_torch.network(weights, number)
            made = hific.model(weights)
        return dict(net.parts) | {"hyper_synthesis": [made.fixed_mean, made.fixed_scale]}
    with engine.use("torch"):
        found = engine_torch.network(weights, number)
        model = bandwise.model(weights, number)
    parts: dict[str, Any] = {"analysis": found.parts["analysis"], "synthesis": found.parts["synthesis"]}
    if model.prior is not None:
        parts["hyper_analysis"] = found.parts["hyper_analysis"]
        parts["hyper_synthesis"] = [model.fixed_features]
    return parts | {"probabilities": [model.fixed_probabilities]}


def _seen(weights: Weights, parts: dict[Any, Any], scenes: Sequence[NDArray[Any]]) -> dict[Any, list[Any]]:
    """What goes into each part that is floating point when the codec codes scenes and decodes them."""
    seen: dict[Any, list[Any]] = {key: [] for key, part in parts.items() if isinstance(part, nn.Module)}
    hooks = []
    for key, found in seen.items():

        def keep(_: nn.Module, inputs: tuple[Any, ...], found: list[Any] = found) -> None:
            if len(found) < CALIBRATED:
                found.append(inputs[0].detach().cpu().numpy().copy())

        hooks.append(parts[key].register_forward_pre_hook(keep))
    codec = codecs.make(weights.card.codec, {"weights": str(weights.path)})
    for coding in (autoencoder, bandwise_coding, hific_coding):
        coding._recent.forget()  # what was analysed before would not be analysed, and not be seen
    try:
        with engine.use("torch"):
            for samples in scenes:
                dtype, bits = integer_type(int(samples.min()), int(samples.max()))
                whole = np.asarray(samples, dtype)
                spec = Spec((whole.shape[0], whole.shape[1], whole.shape[2]), dtype.name, bits)
                codec.decode(codec.encode(whole, spec), spec)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _write_facts(weights: Weights, path: Path) -> None:
    """The file that says what the graphs are of, unless the weights themselves lie there."""
    if path.exists() and path.resolve() == weights.path.resolve():
        return
    kept = {
        k: v
        for k, v in weights.tensors.items()
        if "integer." in k or k.endswith("inverse_gains_at") or k in hific.GAINS
    }
    pretrained.write(path, kept, msgspec.structs.replace(weights.card, graphs_of=weights.digest.hex()))
