import * as ops from "@decorum/onnx";
import type { GradientCases } from "../case.ts";

export const normalizationCases: GradientCases = {
  Softmax: [
    { name: "last axis", build: (i) => ops.softmax(i.x([2, 3, 4])) },
    { name: "last axis, symbolic", build: (i) => ops.softmax(i.x(["b", "s", "t"]), 2) },
    { name: "first axis", build: (i) => ops.softmax(i.x([3, 4]), 0) },
    { name: "negative axis", build: (i) => ops.softmax(i.x(["b", "s", "t"]), -2) },
  ],
  LogSoftmax: [
    { name: "last axis", build: (i) => ops.logSoftmax(i.x([2, 3, 4])) },
    { name: "last axis, symbolic", build: (i) => ops.logSoftmax(i.x(["b", "s", "t"]), 2) },
    { name: "first axis", build: (i) => ops.logSoftmax(i.x([3, 4]), 0) },
    { name: "negative axis", build: (i) => ops.logSoftmax(i.x(["b", "s", "t"]), -2) },
  ],
  RMSNormalization: [
    { name: "matrix", build: (i) => ops.rmsNormalization(i.x([3, 8]), i.x([8])) },
    {
      name: "batches, symbolic, epsilon 0.5",
      build: (i) => ops.rmsNormalization(i.x(["b", "s", 8]), i.x([8]), { epsilon: 0.5 }),
    },
    {
      name: "symbolic width",
      build: (i) => ops.rmsNormalization(i.x(["b", "s", "t"]), i.x(["t"])),
    },
    {
      name: "axis given from the front",
      build: (i) => ops.rmsNormalization(i.x([2, 3, 8]), i.x([8]), { axis: 2 }),
    },
    { name: "one scale for all", build: (i) => ops.rmsNormalization(i.x([3, 8]), i.x([1])) },
    {
      name: "input only",
      build: (i) => ops.rmsNormalization(i.x([3, 8]), i.unwanted([8])),
    },
    {
      name: "scale only",
      build: (i) => ops.rmsNormalization(i.unwanted(["b", "s", 8]), i.x([8])),
    },
  ],
  LayerNormalization: [
    { name: "with bias", build: (i) => ops.layerNormalization(i.x([3, 8]), i.x([8]), i.x([8])) },
    { name: "without bias", build: (i) => ops.layerNormalization(i.x([3, 8]), i.x([8])) },
    {
      name: "batches, symbolic, epsilon 0.5",
      build: (i) =>
        ops.layerNormalization(i.x(["b", "s", 8]), i.x([8]), i.x([8]), { epsilon: 0.5 }),
    },
    {
      name: "symbolic width",
      build: (i) => ops.layerNormalization(i.x(["b", "s", "t"]), i.x(["t"]), i.x(["t"])),
    },
    {
      name: "axis given from the front, one scale for all",
      build: (i) => ops.layerNormalization(i.x([2, 3, 8]), i.x([1]), i.x([1]), { axis: 2 }),
    },
    {
      name: "input only",
      build: (i) => ops.layerNormalization(i.x([3, 8]), i.unwanted([8]), i.unwanted([8])),
    },
    {
      name: "scale and bias only",
      build: (i) => ops.layerNormalization(i.unwanted(["b", "s", 8]), i.x([8]), i.x([8])),
    },
    {
      name: "with statistics that the loss does not use",
      build: (i) => {
        const outputs = ["y", "", "inverse"];
        return i.graph.ops("LayerNormalization", [i.x([3, 8]), i.x([8])], {}, { outputs })
          .slice(0, 1);
      },
    },
  ],
};
