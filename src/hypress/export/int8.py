"""Graphs in eight bits: static quantisation, weights by channel, by ONNX Runtime's own tools; or weights alone.

After B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference"
(CVPR 2018). The ranges of activations are those that some scenes give rise to. What a graph in eight bits makes of
latents and samples is coarser; what a decoder reads is the same, since it hangs on integers alone.
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from hypress.neural.packed import eight_bits

OPERATIONS = ["Conv", "MaxPool", "DepthToSpace"]
LEAST = 8192
"""Convolutions of fewer weights keep them as they are, where it is weights alone."""


def quantised(model: Any, batches: Sequence[NDArray[np.float32]]) -> Any:
    """An ONNX model whose convolutions compute in eight bits, calibrated on what goes into it.

    With norms only weights are in eight bits.
    """
    if has_norms(model):
        return with_small_weights(model, batches)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, before)
        quiet = logging.getLogger()
        level = quiet.level
        quiet.setLevel(logging.ERROR)  # it advises to preprocess, which our graphs do not need
        try:
            quantize_static(
                before, after, _Reader(batches), quant_format=QuantFormat.QDQ, op_types_to_quantize=OPERATIONS,
                per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
        finally:
            quiet.setLevel(level)
        found = onnx.load(after)
    onnx.helper.set_model_props(found, {p.key: p.value for p in model.metadata_props})
    return found


def with_small_weights(model: Any, batches: Sequence[NDArray[np.float32]]) -> Any:
    """An ONNX model whose large convolutions hold their weights in eight bits, but compute in floating point.

    Maps that are far from zero, such as constants, make biases of the errors of weights: those are corrected, after
    M. Nagel, M. van Baalen, T. Blankevoort and M. Welling, "Data-free quantization through weight equalization and bias
    correction" (ICCV 2019).
    """
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph = found.graph
    held = {array.name: array for array in graph.initializer}
    chosen = [n for n in graph.node if n.op_type == "Conv" and math.prod(held[n.input[1]].dims) >= LEAST]
    means = _means(model, [node.input[0] for node in chosen], batches)
    for place, node in enumerate(chosen):
        name = node.input[1]
        weights = numpy_helper.to_array(held[name])
        values, scales = eight_bits(weights, 0)
        parts: dict[str, NDArray[Any]] = {f"{name}_values": values, f"{name}_scales": scales.ravel()}
        error = (values * scales - weights).reshape(*weights.shape[:2], -1).sum(2)
        bias = numpy_helper.to_array(held[node.input[2]]) if len(node.input) > 2 else np.float32(0)
        parts[f"{name}_bias"] = np.asarray(bias - error @ means[place], np.float32)
        for key, array in parts.items():
            graph.initializer.append(numpy_helper.from_array(array, key))
        graph.initializer.remove(held[name])
        del node.input[2:]
        node.input.append(f"{name}_bias")
        graph.node.insert(0, helper.make_node("DequantizeLinear", list(parts)[:2], [name], axis=0))
    onnx.checker.check_model(found)
    return found


def has_norms(model: Any) -> bool:
    """Whether maps are squared, as a GDN or a norm over channels does: their range is too wide for 256 steps."""
    return any(node.op_type == "Mul" and node.input[0] == node.input[1] for node in model.graph.node)


def _means(model: Any, names: Sequence[str], batches: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Of each channel of the maps of these names, where a model is given some batches."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    for name in sorted({*names} - {"maps"}):
        watched.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    for batch in batches:
        made = dict(zip(outputs, session.run(None, {"maps": np.ascontiguousarray(batch, np.float32)}), strict=True))
        for name, means in found.items():
            maps = batch if name == "maps" else made[name]
            means.append(maps.reshape(*maps.shape[:2], -1).mean((0, 2)))
    return [np.mean(found[name], axis=0) for name in names]


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Batches, one after the other."""

    def __init__(self, batches: Sequence[NDArray[np.float32]]) -> None:
        self._left = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        """The next, or None."""
        batch = next(self._left, None)
        return None if batch is None else {"maps": np.ascontiguousarray(batch, np.float32)}
