import { InputError } from "@decorum/tensor";
import {
  add,
  exp,
  mul,
  reciprocal,
  reduceMean,
  reduceSum,
  sqrt,
  sub,
  type Value,
} from "@decorum/onnx";
import { cotangent, input, intAttribute, type OpState, unary, type VjpNode } from "../rule.ts";

/** Sum over the softmax axis, kept as 1. */
function axisSum(node: VjpNode, x: Value): Value {
  return reduceSum(x, [intAttribute(node, "axis", -1)], true);
}

function epsilonOf(node: VjpNode): number {
  return intAttribute(node, "epsilon", 1e-5);
}

/** Normalization over the last axis only: what every model here uses. */
function requireLastAxis(node: VjpNode): void {
  const axis = intAttribute(node, "axis", -1);
  if (axis !== -1 && axis !== input(node, 0).rank - 1) {
    throw new InputError(
      `Cannot differentiate ${node.opType} "${node.name}" over axis ${axis}: expected the last axis`,
    );
  }
}

const lastMean = (x: Value) => reduceMean(x, [-1], true);

/**
 * y = x r w with r = (mean(x^2) + epsilon)^(-1/2) (Zhang and Sennrich 2019):
 * dx = r (g w) - x r^3 mean(x g w), dw = g x r.
 */
function rmsNormVjp(node: VjpNode): readonly (Value | undefined)[] {
  requireLastAxis(node);
  const [x, w, g] = [input(node, 0), input(node, 1), cotangent(node)];
  const r = reciprocal(sqrt(add(lastMean(mul(x, x)), epsilonOf(node))));
  const dx = () => {
    const gw = mul(g, w);
    const projection = mul(lastMean(mul(gw, x)), mul(r, mul(r, r)));
    return sub(mul(gw, r), mul(x, projection));
  };
  return [
    node.wants(0) ? dx() : undefined,
    node.wants(1) ? mul(g, mul(x, r)) : undefined,
  ];
}

/**
 * y = z w + b with z = (x - mean) r: dx = r (gw - mean(gw) - z mean(gw z)), dw = g z, db = g
 * (Ba, Kiros and Hinton 2016).
 */
function layerNormVjp(node: VjpNode): readonly (Value | undefined)[] {
  requireLastAxis(node);
  if (node.cotangents.slice(1).some((g) => g !== undefined)) {
    throw new InputError(
      `Cannot differentiate LayerNormalization "${node.name}": the loss depends on its mean or inverse deviation; expected its first output only`,
    );
  }
  const [x, w, g] = [input(node, 0), input(node, 1), cotangent(node)];
  const centred = sub(x, lastMean(x));
  const r = reciprocal(sqrt(add(lastMean(mul(centred, centred)), epsilonOf(node))));
  const z = mul(centred, r);
  const dx = () => {
    const gw = mul(g, w);
    return mul(r, sub(sub(gw, lastMean(gw)), mul(z, lastMean(mul(gw, z)))));
  };
  return [
    node.wants(0) ? dx() : undefined,
    node.wants(1) ? mul(g, z) : undefined,
    node.wants(2) ? g : undefined,
  ];
}

/** Rules of the normalizations along an axis. */
export const normalization: Readonly<Record<string, OpState>> = {
  // dx = y (g - sum(g y))
  Softmax: unary((g, _x, y, node) => {
    const gy = mul(g, y);
    return sub(gy, mul(y, axisSum(node, gy)));
  }),
  // dx = g - softmax(x) sum(g)
  LogSoftmax: unary((g, _x, y, node) => sub(g, mul(exp(y), axisSum(node, g)))),
  RMSNormalization: { kind: "rule", vjp: rmsNormVjp },
  LayerNormalization: { kind: "rule", vjp: layerNormVjp },
};
