"""Fixed-point networks as graphs: the integers of `neural.fixedpoint`, held by doubles, which are exact by size.

A float32 graph would decide probabilities by sums that hang on their order, and two machines would read different
symbols out of one file. Products and sums here are below 2^52, so that every runtime that has doubles gives the same
integers. hypress itself computes them in `neural.fixedpoint`, whatever the engine; the graphs are for other software.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hypress.export.writer import Graph, sub_pixel
from hypress.neural.fixedpoint import LARGEST, WEIGHT_BITS, Convolution


def model(chains: Sequence[Sequence[Convolution]], facts: dict[str, str]) -> Any:
    """The ONNX model of chains of layers that take and give `(channel, y, x)` in units, as doubles.

    All take the same maps; what they make stands one behind the other.
    """
    graph = Graph("float64")
    made = []
    for layers in chains:
        x = "maps"
        for layer in layers:
            x = _write(graph, layer, x)
        made.append(x)
    result = graph.add("Concat", *made, axis=0) if len(made) > 1 else made[0]
    ins: list[int | str] = [chains[0][0].weights.shape[1], "rows", "columns"]
    outs = sum(len(layers[-1].weights) for layers in chains)
    return graph.model(result, ins, [outs, "rows_out", "columns_out"], facts)


def _write(graph: Graph, layer: Convolution, x: str) -> str:
    up = layer.up
    weights, before, after = sub_pixel(layer.weights, up, layer.weights.shape[2] // 2)
    outputs, inputs, kernel, _ = weights.shape
    size = graph.add("Slice", graph.add("Shape", x), *(graph.constant([n], "int64") for n in (1, 3)))
    padded = graph.add(
        "Pad", x, graph.constant([0, before, before, 0, after, after], "int64"), graph.constant(np.zeros(()))
    )
    seen = []
    for dy in range(kernel):
        for dx in range(kernel):
            start = graph.constant([dy, dx], "int64")
            stop = graph.add("Add", size, start)
            seen.append(graph.add("Slice", padded, start, stop, graph.constant([1, 2], "int64")))
    columns = graph.add("Concat", *seen, axis=0) if len(seen) > 1 else seen[0]
    flat = graph.add("Reshape", columns, graph.constant([inputs * kernel * kernel, -1], "int64"))
    matrix = graph.constant(weights.transpose(0, 2, 3, 1).reshape(outputs, -1))
    bias = np.repeat(layer.biases, up * up) + (1 << (WEIGHT_BITS - 1))
    sums = graph.add("Add", graph.add("MatMul", matrix, flat), graph.constant(bias[:, None]))
    shifted = graph.add("Floor", graph.add("Mul", sums, graph.constant(np.array(2.0**-WEIGHT_BITS))))
    least, most = (graph.constant(np.array(n)) for n in (0 if layer.rectified else -LARGEST, LARGEST))
    cut = graph.add("Clip", shifted, least, most)
    shape = graph.add("Concat", graph.constant([1, outputs], "int64"), size, axis=0)
    maps = graph.add("Reshape", cut, shape)
    if up > 1:
        maps = graph.add("DepthToSpace", maps, blocksize=up, mode="CRD")
    return graph.add("Squeeze", maps, graph.constant([0], "int64"))
