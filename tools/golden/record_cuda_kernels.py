"""Turns onnxruntime's docs/OperatorKernels.md into packages/runtime/cuda_kernels.json.

    python tools/golden/record_cuda_kernels.py OperatorKernels.md "SOURCE" > packages/runtime/cuda_kernels.json

SOURCE says which onnxruntime the file is from. Needs the `onnx` package for operator schemas.
Only the default domain, and only the element types of packages/tensor.
"""

import json
import re
import sys

import onnx

LETTERS = {
    "float32": "f", "float64": "d", "float16": "h", "bfloat16": "b", "int8": "c",
    "uint8": "u", "int32": "i", "int64": "l", "bool": "o",
}
DOCUMENTED = {"float": "float32", "double": "float64"}


def letters(types: str) -> str:
    found = set()
    for name in re.findall(r"(?<!\()tensor\((\w+)\)", types):
        found.add(LETTERS.get(DOCUMENTED.get(name, name), ""))
    return "".join(letter for letter in LETTERS.values() if letter in found)


def version(text: str) -> tuple[int, int | None]:
    if text.endswith("+"):
        return int(text[:-1]), None
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    return numbers[0], numbers[-1]


def kernel_rows(markdown: str) -> dict[str, list]:
    section = markdown.split("## Operators implemented by CUDAExecutionProvider")[1]
    section = section.split("**Operator Domain:** *ai.onnx*")[1].split("**Operator Domain:**")[0]
    rows: dict[str, list] = {}
    op = ""
    for line in section.splitlines():
        cells = line.split("|")
        if len(cells) != 6 or not cells[3]:
            continue
        op = cells[1] or op
        types = {
            key: letters(value)
            for key, value in re.findall(r"\*\*(\w+)\*\* = ([^<]*)", cells[4])
        }
        first, last = version(cells[3])
        rows.setdefault(op, []).append({"from": first, "to": last, "types": types})
    return rows


def signatures(op: str) -> list:
    schemas = [s for s in onnx.defs.get_all_schemas_with_history() if s.domain == "" and s.name == op]
    result = []
    for schema in sorted(schemas, key=lambda s: s.since_version):
        def formal(values):
            return [[v.name, v.type_str] for v in values]

        def variadic(values):
            return bool(values) and values[-1].option == onnx.defs.OpSchema.FormalParameterOption.Variadic

        row = {
            "since": schema.since_version,
            "inputs": formal(schema.inputs),
            "outputs": formal(schema.outputs),
        }
        if variadic(schema.inputs):
            row["variadicInputs"] = True
        if variadic(schema.outputs):
            row["variadicOutputs"] = True
        result.append(row)
    return result


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = kernel_rows(file.read())
    ops = {}
    for op, kernels in sorted(rows.items()):
        history = signatures(op)
        if history:  # onnxruntime's own operators in the default domain have no schema in onnx
            ops[op] = {"kernels": kernels, "signatures": history}
    head = {"source": sys.argv[2], "schemas": f"onnx {onnx.__version__}", "letters": LETTERS}
    lines = [f"  {json.dumps(op)}: {json.dumps(row, separators=(',', ':'))}" for op, row in ops.items()]
    body = ",\n".join(f'  {json.dumps(k)}: {json.dumps(v)}' for k, v in head.items())
    print("{\n" + body + ',\n  "ops": {\n' + ",\n".join(f"  {line}" for line in lines) + "\n  }\n}")


main()
