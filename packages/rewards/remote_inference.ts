import { Buffer } from "node:buffer";
import { createClient, type inference, inferenceService } from "@decorum/rpc";
import { InputError } from "@decorum/tensor";
import { grpcOptions, type Remote, type RemoteCalls } from "./remote_calls.ts";
import type { RewardBatch } from "./source.ts";

/** A model behind the Open Inference Protocol v2 over gRPC, as KServe and Triton serve them. */
export interface InferenceReward extends RemoteCalls {
  readonly kind: "inference";
  readonly model: string;
  /** Empty: the server's choice. */
  readonly model_version: string;
  /** Names of the BYTES inputs. */
  readonly inputs: {
    readonly response: string;
    /** Null: the model gets no prompt. */
    readonly prompt: string | null;
  };
  /** Shape of the inputs: [-1], or [-1, 1] as models with Triton's own batching have it. */
  readonly input_shape: readonly number[];
  /** The output with the scores: FP32 or FP64 of one number a response, or `[n, columns]`. */
  readonly output: { readonly name: string; readonly column: number };
}

type Output = inference._inference_ModelInferResponse_InferOutputTensor__Output;

/** A client of `ModelInfer`. */
export function inferenceRemote(reward: InferenceReward): Remote {
  const client = createClient(inferenceService, grpcOptions(reward));
  return {
    async call(batch, signal) {
      const deadlineMs = reward.time_limit_s * 1000;
      const answer = await client.modelInfer(requestOf(reward, batch), { signal, deadlineMs });
      const index = answer.outputs.findIndex(({ name }) => name === reward.output.name);
      const found = answer.outputs[index];
      if (found === undefined) {
        const names = answer.outputs.map(({ name }) => `"${name}"`).join(", ") || "none";
        throw new InputError(
          `model "${reward.model}" has no output "${reward.output.name}"; it has ${names}`,
        );
      }
      return columnOf(found, answer.rawOutputContents[index], reward, batch.responses.length);
    },
    [Symbol.dispose]: () => client.close(),
  };
}

function requestOf(reward: InferenceReward, { prompts, responses }: RewardBatch) {
  const shape = reward.input_shape.map((size) => size === -1 ? responses.length : size);
  const input = (name: string, texts: readonly string[]) => ({
    name,
    datatype: "BYTES",
    shape,
    contents: { bytesContents: texts.map((text) => Buffer.from(text, "utf8")) },
  });
  const { prompt, response } = reward.inputs;
  return {
    modelName: reward.model,
    modelVersion: reward.model_version,
    inputs: [input(response, responses), ...(prompt === null ? [] : [input(prompt, prompts)])],
    outputs: [{ name: reward.output.name }],
  };
}

/** One number a response: a vector, or a column of a matrix. */
function columnOf(
  { name, datatype, shape, contents }: Output,
  raw: Uint8Array | undefined,
  { output: { column } }: InferenceReward,
  count: number,
): number[] {
  const values = raw !== undefined && raw.length > 0
    ? rawNumbers(raw, datatype, name)
    : Array.from((datatype === "FP64" ? contents?.fp64Contents : contents?.fp32Contents) ?? []);
  const dims = shape.map(Number);
  const width = dims.length < 2 ? 1 : dims.slice(1).reduce((a, b) => a * b, 1);
  const fits = (datatype === "FP32" || datatype === "FP64") && values.length === count * width &&
    dims[0] === count && column < width;
  if (!fits) {
    throw new InputError(
      `output "${name}" is ${datatype} [${dims}] with ${values.length} numbers: expected FP32 or ` +
        `FP64 of ${count} rows with a column ${column}`,
    );
  }
  return Array.from({ length: count }, (_, i) => values[i * width + column]!);
}

function rawNumbers(raw: Uint8Array, datatype: string, name: string): number[] {
  const size = datatype === "FP64" ? 8 : 4;
  if (raw.length % size !== 0) {
    throw new InputError(
      `output "${name}" has ${raw.length} bytes, expected a multiple of ${size}`,
    );
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  return Array.from(
    { length: raw.length / size },
    (_, i) => size === 8 ? view.getFloat64(i * 8, true) : view.getFloat32(i * 4, true),
  );
}
