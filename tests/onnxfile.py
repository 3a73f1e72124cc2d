"""The smallest ONNX file with MODNet's signature: a picture of any size becomes a matte, bright is in front.

Written by hand after onnx.proto (a protocol buffer: field number and kind, then the value), so that no test needs the
package: input 1x3xHxW in -1..1, output 1x1xHxW = sigmoid(8 * mean of the three planes).
"""

from __future__ import annotations

import struct

_VARINT, _BYTES = 0, 2
_FLOAT = 1  # TensorProto.DataType
_ATTRIBUTE_INT, _ATTRIBUTE_INTS = 2, 7  # AttributeProto.AttributeType


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _node(kind: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
    return (
        b"".join(_field(1, name) for name in inputs)
        + _field(2, output)
        + _field(4, kind)
        + b"".join(_field(5, each) for each in attributes)
    )


def _value(name: str, planes: int) -> bytes:
    sides = _field(1, 1), _field(1, planes), _field(2, "height"), _field(2, "width")
    shape = b"".join(_field(1, side) for side in sides)
    return _field(1, name) + _field(2, _field(1, _field(1, _FLOAT) + _field(2, shape)))


def matte_model() -> bytes:
    """The file."""
    axes = _field(1, "axes") + _field(8, 1) + _field(20, _ATTRIBUTE_INTS)
    keep = _field(1, "keepdims") + _field(3, 1) + _field(20, _ATTRIBUTE_INT)
    eight = _field(2, _FLOAT) + _field(8, "eight") + _field(9, struct.pack("<f", 8.0))
    graph = (
        _field(1, _node("ReduceMean", ["input"], "mean", axes, keep))
        + _field(1, _node("Mul", ["mean", "eight"], "steep"))
        + _field(1, _node("Sigmoid", ["steep"], "output"))
        + _field(2, "matte")
        + _field(5, eight)
        + _field(11, _value("input", 3))
        + _field(12, _value("output", 1))
    )
    opset = _field(1, "") + _field(2, 13)
    return _field(1, 8) + _field(7, graph) + _field(8, opset)
