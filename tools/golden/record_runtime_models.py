"""Writes the small models that the tests of packages/runtime run.

    python tools/golden/record_runtime_models.py packages/runtime/testdata

Needs the `onnx` package (1.23 wrote the committed files).
"""

import os
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
value = helper.make_tensor_value_info
node = helper.make_node


def save(name, nodes, inputs, outputs, initializers=(), opset=21):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    with open(os.path.join(sys.argv[1], f"{name}.onnx"), "wb") as file:
        file.write(model.SerializeToString(deterministic=True))


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def external(name, dims, location, offset):
    tensor = TensorProto(name=name, data_type=FLOAT, dims=dims, data_location=TensorProto.EXTERNAL)
    length = 4 * int(np.prod(dims))
    for key, text in (("location", location), ("offset", str(offset)), ("length", str(length))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, text
    return tensor


# sum and product of two [n, 3] matrices
save(
    "sum_product",
    [node("Add", ["x", "y"], ["sum"]), node("Mul", ["x", "y"], ["product"])],
    [value("x", FLOAT, ["n", 3]), value("y", FLOAT, ["n", 3])],
    [value("sum", FLOAT, ["n", 3]), value("product", FLOAT, ["n", 3])],
)

# every element type that can be passed, through and out again
PORTABLE = {
    "float32": FLOAT, "float64": TensorProto.DOUBLE, "float16": TensorProto.FLOAT16,
    "int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "int32": TensorProto.INT32,
    "int64": INT64, "bool": BOOL,
}
save(
    "every_type",
    [node("Identity", [t], [f"{t}_out"]) for t in PORTABLE]
    + [node("Cast", ["float16"], ["float16_widened"], to=FLOAT)],
    [value(t, code, ["n"]) for t, code in PORTABLE.items()],
    [value(f"{t}_out", code, ["n"]) for t, code in PORTABLE.items()]
    + [value("float16_widened", FLOAT, ["n"])],
)

# an input no JavaScript value can be passed for
save(
    "bfloat16_input",
    [node("Cast", ["x"], ["y"], to=FLOAT)],
    [value("x", TensorProto.BFLOAT16, ["n"])],
    [value("y", FLOAT, ["n"])],
)

# fails while it runs unless x has four elements
save(
    "square_of_four",
    [node("Reshape", ["x", "shape"], ["y"])],
    [value("x", FLOAT, ["n"])],
    [value("y", FLOAT, [2, 2])],
    [constant("shape", np.array([2, 2], np.int64))],
)

# as slow as asked: `steps` products of 192 x 192 matrices
body = helper.make_graph(
    [
        node("MatMul", ["state", "rotation"], ["next"]),
        node("Identity", ["go"], ["go_out"]),
    ],
    "step",
    [value("i", INT64, []), value("go", BOOL, []), value("state", FLOAT, [192, 192])],
    [value("go_out", BOOL, []), value("next", FLOAT, [192, 192])],
)
save(
    "slow",
    [
        node("Shape", ["state"], ["size"]),
        node("Range", ["zero", "side", "one"], ["rows"]),
        node("Unsqueeze", ["rows", "axis"], ["column"]),
        node("Equal", ["column", "rows"], ["diagonal"]),
        node("Cast", ["diagonal"], ["rotation"], to=FLOAT),
        node("Expand", ["start", "square"], ["state"]),
        node("Loop", ["steps", "", "state"], ["final"], body=body),
        node("ReduceSum", ["final"], ["total"], keepdims=0),
    ],
    [value("steps", INT64, []), value("start", FLOAT, [])],
    [value("total", FLOAT, []), value("size", INT64, [2])],
    [
        constant("zero", np.int64(0)), constant("one", np.int64(1)), constant("side", np.int64(192)),
        constant("axis", np.array([1], np.int64)), constant("square", np.array([192, 192], np.int64)),
    ],
)

# weights in two files, the second used in a branch body; offsets that are no multiple of four
branch = helper.make_graph(
    [node("Mul", ["biased", "scale"], ["scaled"])],
    "branch",
    [],
    [value("scaled", FLOAT, ["n", 3])],
    [external("scale", [3], "second.safetensors", 5)],
)
other = helper.make_graph([node("Identity", ["biased"], ["same"])], "other", [], [value("same", FLOAT, ["n", 3])])
save(
    "external",
    [
        node("MatMul", ["x", "weight"], ["projected"]),
        node("Add", ["projected", "bias"], ["biased"]),
        node("If", ["use_scale"], ["y"], then_branch=branch, else_branch=other),
    ],
    [value("x", FLOAT, ["n", 2]), value("use_scale", BOOL, [])],
    [value("y", FLOAT, ["n", 3])],
    [external("weight", [2, 3], "first.safetensors", 11), external("bias", [3], "first.safetensors", 35)],
)
