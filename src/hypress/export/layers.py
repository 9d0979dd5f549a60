"""Our layers, written into graphs. Transposed convolutions become convolutions that make several pixels at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hypress.errors import ConfigurationError
from hypress.export.writer import Graph, sub_pixel
from hypress.neural.nets.cae3d import Residual
from hypress.neural.nets.gdn import LEAST, PEDESTAL, Gdn

NAMES = {1: ["batch", "along"], 2: ["batch", "rows", "columns"], 3: ["batch", "bands", "rows", "columns"]}


def model(chain: nn.Module, facts: dict[str, str]) -> Any:
    """The ONNX model of a chain of layers, for maps of any size. Raises ConfigurationError for a layer that is new."""
    convolutions = [layer for layer in chain.modules() if isinstance(layer, nn.modules.conv._ConvNd)]
    first, last = convolutions[0], convolutions[-1]
    batch, *sides = NAMES[len(first.kernel_size)]
    graph = Graph()
    result = write(graph, chain, "maps")
    outs: list[int | str] = [batch, last.out_channels, *(f"{side}_out" for side in sides)]
    ins: list[int | str] = [batch, first.in_channels, *sides]
    return graph.model(result, ins, outs, facts)


def write(graph: Graph, layer: nn.Module, x: str) -> str:
    """Append a layer that is fed by `x`; the name of what it makes."""
    match layer:
        case nn.Sequential():
            for part in layer:
                x = write(graph, part, x)
            return x
        case nn.ConvTranspose2d():
            return _transposed(graph, layer, x)
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
            return _convolution(graph, layer, x)
        case nn.BatchNorm3d():
            assert layer.running_mean is not None
            assert layer.running_var is not None
            parts = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
            return graph.add("BatchNormalization", x, *(graph.constant(_array(p)) for p in parts), epsilon=layer.eps)
        case nn.PReLU():
            slopes = graph.constant(_array(layer.weight)[:, None, None])
            return graph.add("PRelu", x, slopes)
        case nn.LeakyReLU():
            return graph.add("LeakyRelu", x, alpha=layer.negative_slope)
        case nn.ReLU():
            return graph.add("Relu", x)
        case nn.Sigmoid():
            return graph.add("Sigmoid", x)
        case nn.MaxPool1d():
            return graph.add("MaxPool", x, kernel_shape=[2], strides=[2])
        case nn.MaxPool2d():
            return graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        case nn.Upsample():
            return _repeated(graph, layer, x)
        case Gdn():
            return _gdn(graph, layer, x)
        case Residual():
            return write(graph, layer.last, graph.add("Add", write(graph, layer.body, x), x))
    raise ConfigurationError(f"a layer {type(layer).__name__} cannot be exported")


def _convolution(graph: Graph, layer: nn.Conv1d | nn.Conv2d | nn.Conv3d, x: str) -> str:
    if isinstance(layer.padding, str):  # "same"
        before, after = [(k - 1) // 2 for k in layer.kernel_size], [k // 2 for k in layer.kernel_size]
    else:
        before = after = list(layer.padding)
    bias = [] if layer.bias is None else [graph.constant(_array(layer.bias))]
    return graph.add(
        "Conv", x, graph.constant(_array(layer.weight)), *bias, kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride), pads=[*before, *after],
    )  # fmt: skip


def _transposed(graph: Graph, layer: nn.ConvTranspose2d, x: str) -> str:
    kernel, up, padding = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
    if kernel - 2 * padding + layer.output_padding[0] != up or layer.kernel_size[0] != layer.kernel_size[1]:
        raise ConfigurationError("a transposed convolution can be exported that makes a multiple of rows and columns")
    turned = _array(layer.weight).transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    weights, before, after = sub_pixel(turned, up, kernel - 1 - padding)
    bias = [] if layer.bias is None else [graph.constant(np.repeat(_array(layer.bias), up * up))]
    x = graph.add(
        "Conv", x, graph.constant(weights), *bias, kernel_shape=list(weights.shape[2:]), strides=[1, 1],
        pads=[before, before, after, after],
    )  # fmt: skip
    return x if up == 1 else graph.add("DepthToSpace", x, blocksize=up, mode="CRD")


def _repeated(graph: Graph, layer: nn.Upsample, x: str) -> str:
    factor = layer.scale_factor
    factors = [factor] if isinstance(factor, float | int) else list(factor or [])
    scales = graph.constant([1, 1, *factors], "float32")
    return graph.add(
        "Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )  # fmt: skip


def _gdn(graph: Graph, layer: Gdn, x: str) -> str:
    beta = np.maximum(_array(layer.beta) ** 2 - np.float32(PEDESTAL), np.float32(LEAST))
    gamma = np.maximum(_array(layer.gamma) ** 2 - np.float32(PEDESTAL), 0)[:, :, None, None]
    norm = graph.add("Conv", graph.add("Mul", x, x), graph.constant(gamma), graph.constant(beta), kernel_shape=[1, 1])
    return graph.add("Mul" if layer.inverse else "Div", x, graph.add("Sqrt", norm))


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)
