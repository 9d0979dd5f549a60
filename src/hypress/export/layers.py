"""Our layers, written into graphs. Transposed convolutions become convolutions that make several pixels at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hypress.errors import ConfigurationError
from hypress.export.writer import Graph, sub_pixel
from hypress.neural.nets import cae3d, hific
from hypress.neural.nets.cubes import Cube, Joined, Windows
from hypress.neural.nets.gdn import LEAST, PEDESTAL, Gdn
from hypress.neural.nets.hific import ChannelNorm, Generator, Squeeze

NAMES = {1: ["batch", "along"], 2: ["batch", "rows", "columns"], 3: ["batch", "bands", "rows", "columns"]}


def model(chain: nn.Module, facts: dict[str, str]) -> Any:
    """The ONNX model of a chain of layers, for maps of any size. Raises ConfigurationError for a layer that is new."""
    convolutions = [layer for layer in chain.modules() if isinstance(layer, nn.modules.conv._ConvNd)]
    bands = {
        type(layer): layer.stride * layer.depth for layer in chain.modules() if isinstance(layer, Windows | Joined)
    }
    before, after = bands.get(Windows, convolutions[0].in_channels), bands.get(Joined, convolutions[-1].out_channels)
    batch, *sides = NAMES[len(convolutions[0].kernel_size)]
    graph = Graph()
    result = write(graph, chain, "maps")
    return graph.model(result, [batch, before, *sides], [batch, after, *(f"{side}_out" for side in sides)], facts)


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
        case cae3d.Residual():
            return write(graph, layer.last, graph.add("Add", write(graph, layer.body, x), x))
        case hific.Residual():
            return graph.add("Add", write(graph, layer.body, x), x)
        case Generator():
            head = write(graph, layer.head, x)
            return write(graph, layer.tail, graph.add("Add", write(graph, layer.blocks, head), head))
        case ChannelNorm():
            return _channel_norm(graph, layer, x)
        case Squeeze():
            return _squeeze(graph, layer, x)
        case Windows():
            return _windows(graph, layer, x)
        case Joined():
            return _joined(graph, layer, x)
        case Cube():
            return _cube(graph, layer, x)
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


def _channel_norm(graph: Graph, layer: ChannelNorm, x: str) -> str:
    along = graph.constant([1], "int64")
    mean = graph.add("Mul", graph.add("ReduceSum", x, along), graph.constant([1 / layer.of]))
    apart = graph.add("Sub", x, mean)
    squares = graph.add("ReduceSum", graph.add("Mul", apart, apart), along)
    gone = graph.add("Mul", graph.add("Mul", mean, mean), graph.constant([layer.of - len(layer.scale)]))
    variance = graph.add("Mul", graph.add("Add", squares, gone), graph.constant([1 / (layer.of - 1)]))
    deviation = graph.add("Sqrt", graph.add("Add", variance, graph.constant([layer.EPSILON])))
    scale, shift = (graph.constant(_array(p)[:, None, None]) for p in (layer.scale, layer.shift))
    return graph.add("Add", graph.add("Mul", graph.add("Div", apart, deviation), scale), shift)


def _squeeze(graph: Graph, layer: Squeeze, x: str) -> str:
    weight = graph.add("ReduceMean", x, axes=[2, 3])
    for part, bend in ((layer.down, "Relu"), (layer.up, "Sigmoid")):
        matrix, bias = graph.constant(_array(part.weight)[:, :, None, None]), graph.constant(_array(part.bias))
        weight = graph.add(bend, graph.add("Conv", weight, matrix, bias, kernel_shape=[1, 1]))
    return graph.add("Mul", x, weight)


def _windows(graph: Graph, layer: Windows, x: str) -> str:
    stride, depth, half = layer.stride, layer.depth, layer.stride // 2
    padded = graph.add("Pad", x, graph.constant([0, half, 0, 0, 0, half, 0, 0], "int64"))
    cut = [_between(graph, padded, d * stride, (d + 2) * stride) for d in range(depth)]
    seen = _convolution(graph, layer.windows, graph.add("Concat", *cut, axis=0))
    apart = _shaped(graph, seen, [depth, -1, layer.windows.out_channels], x)
    return _shaped(graph, graph.add("Transpose", apart, perm=[1, 2, 0, 3, 4]), [-1, _all_maps(layer)], x)


def _joined(graph: Graph, layer: Joined, x: str) -> str:
    stride, depth, half = layer.stride, layer.depth, layer.stride // 2
    apart = _shaped(graph, x, [-1, layer.windows.in_channels, depth], x)
    flat = _shaped(graph, graph.add("Transpose", apart, perm=[0, 2, 1, 3, 4]), [-1, layer.windows.in_channels], x)
    made = _shaped(graph, _convolution(graph, layer.windows, flat), [-1, depth * 2 * stride], x)
    # First halves lie on the second halves of the windows before.
    halves = [
        [_between(graph, made, (2 * d + k) * stride, (2 * d + k + 1) * stride) for d in range(depth)] for k in (0, 1)
    ]
    between = [graph.add("Add", halves[0][d + 1], halves[1][d]) for d in range(depth - 1)]
    joined = graph.add("Concat", halves[0][0], *between, halves[1][-1], axis=1)
    cut = _between(graph, joined, half, half + depth * stride)
    return graph.add("Add", cut, graph.constant(_array(layer.bias)[:, None, None]))


def _cube(graph: Graph, layer: Cube, x: str) -> str:
    inside = layer.conv
    assert isinstance(inside, nn.Conv3d | nn.ConvTranspose3d)
    maps = _shaped(graph, x, [-1, inside.in_channels, layer.depth], x)
    if isinstance(inside, nn.Conv3d):
        made = _convolution(graph, inside, maps)
    else:
        assert inside.bias is not None
        made = graph.add(
            "ConvTranspose", maps, graph.constant(_array(inside.weight)), graph.constant(_array(inside.bias)),
            kernel_shape=list(inside.kernel_size), strides=list(inside.stride), pads=[*inside.padding, *inside.padding],
            output_padding=list(inside.output_padding),
        )  # fmt: skip
    return _shaped(graph, made, [-1, layer.depth * inside.out_channels], made, 3)


def _all_maps(layer: Windows) -> int:
    return layer.depth * layer.windows.out_channels


def _between(graph: Graph, x: str, start: int, stop: int) -> str:
    """Some of the channels."""
    return graph.add("Slice", x, *(graph.constant([n], "int64") for n in (start, stop, 1)))


def _shaped(graph: Graph, x: str, shape: list[int], like: str, first: int = 2) -> str:
    """In a shape that ends with the rows and columns of other maps, which are sides `first` and on."""
    sides = graph.add("Slice", graph.add("Shape", like), *(graph.constant([n], "int64") for n in (first, first + 2)))
    return graph.add("Reshape", x, graph.add("Concat", graph.constant(shape, "int64"), sides, axis=0))


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)
