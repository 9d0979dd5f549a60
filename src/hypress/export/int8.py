"""Graphs in eight bits: static quantisation, weights by channel, by ONNX Runtime's own tools.

After B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference"
(CVPR 2018). The ranges of activations are those that some scenes give rise to. What a graph in eight bits makes of
latents and samples is coarser; what a decoder reads is the same, since it hangs on integers alone.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

OPERATIONS = ["Conv", "MaxPool", "DepthToSpace"]


def quantised(model: Any, batches: Sequence[NDArray[np.float32]]) -> Any:
    """An ONNX model whose convolutions compute in eight bits, calibrated on what goes into it."""
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


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Batches, one after the other."""

    def __init__(self, batches: Sequence[NDArray[np.float32]]) -> None:
        self._left = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        """The next, or None."""
        batch = next(self._left, None)
        return None if batch is None else {"maps": np.ascontiguousarray(batch, np.float32)}
