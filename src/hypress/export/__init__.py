"""Networks as ONNX graphs, one for each part, which run where torch is not.

- `writer`: a graph under construction; `layers`: our layers, written into it.
- `fixed`: what decides probabilities, in integers that doubles hold exactly.
- `int8`: graphs whose convolutions compute in eight bits.
"""
