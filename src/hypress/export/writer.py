"""A graph under construction: operations one after the other, each fed by the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hypress.neural.engine_onnx import OF

OPSET, FORM = 17, 9
"""Of operations, and of the file."""
TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


@dataclass
class Graph:
    """One graph, whose input and output are called `maps` and `result`."""

    dtype: str = "float32"
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, values: NDArray[Any] | Sequence[Any], dtype: str | None = None) -> str:
        """The name of an array that the graph holds."""
        name = f"c{len(self.constants)}"
        array = np.ascontiguousarray(values, dtype or self.dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """One operation; the name of what it makes."""
        name = f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [name], name=name, **attributes))
        return name

    def model(self, last: str, ins: Sequence[int | str], outs: Sequence[int | str], facts: Mapping[str, str]) -> Any:
        """The finished model; sizes of input and output are numbers, or names where any will do."""
        self.nodes.append(helper.make_node("Identity", [last], ["result"], name="result"))
        kind = TYPES[self.dtype]
        graph = helper.make_graph(
            self.nodes,
            "hypress",
            [helper.make_tensor_value_info("maps", kind, list(ins))],
            [helper.make_tensor_value_info("result", kind, list(outs))],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="hypress")
        model.ir_version = FORM
        helper.set_model_props(model, dict(facts))
        onnx.checker.check_model(model)
        return model


def facts_of(digest: str, part: str) -> dict[str, str]:
    """What a graph says of itself."""
    return {OF: digest, "part": part}


def sub_pixel(weights: NDArray[Any], up: int, around: int) -> tuple[NDArray[Any], int, int]:
    """A convolution of maps that were spread by `up`, as one of the maps themselves with `up²` times the channels.

    `weights (out, in, kernel, kernel)` meet the spread maps from `around` before each place. The result has weights
    `(out · up · up, in, k, k)`, in the order of DepthToSpace's mode CRD, and how many rows it sees before and after.
    After W. Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    neural network" (CVPR 2016): the same sums without the zeros between.
    """
    out, inputs, kernel, _ = weights.shape
    taps = [(a, d, (a + d - around) // up) for a in range(up) for d in range(kernel) if (a + d - around) % up == 0]
    first, last = min(o for *_, o in taps), max(o for *_, o in taps)
    size = last - first + 1
    found = np.zeros((out, up, up, inputs, size, size), weights.dtype)
    for a, dy, oy in taps:
        for b, dx, ox in taps:
            found[:, a, b, :, oy - first, ox - first] = weights[:, :, dy, dx]
    return found.reshape(out * up * up, inputs, size, size), -first, last
