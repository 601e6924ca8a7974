import { InputError, readJson, replaceFolder } from "@decorum/tensor";
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { encodeModel, type Graph, type Initializer } from "@decorum/onnx";
import {
  baseModelHash,
  buildClassifierGraph,
  defaultCacheDir,
  maxPositions,
  openCheckpoint,
  openClassifier,
  tokenizerHash,
} from "@decorum/models";
import { loadTokenizer, readTokenizerFiles, type SpecialRole } from "@decorum/text";

const MODEL = "model.onnx";

/**
 * Writes a classifier as an ONNX folder that Transformers.js runs: `onnx/model.onnx` with its weights beside
 * it (a copy of the checkpoint's files), `config.json`, `tokenizer.json`, `tokenizer_config.json`. An ONNX folder
 * of that name is replaced; the folder appears whole or not at all.
 *
 * @param folder a Hugging Face folder of a sequence classifier
 * @param out the folder to write
 * @throws Error when `out` is `folder`, or exists and is neither empty nor an ONNX folder; as
 * `openClassifier`, `openCheckpoint` and `loadTokenizer` do
 */
export function exportClassifierOnnx(folder: string, out: string): void {
  const source = resolve(folder);
  if (resolve(out) === source) {
    throw new InputError(`Cannot export ${source} to itself: name another folder to write to`);
  }
  const model = openClassifier(source);
  const tokenizer = readTokenizerFiles(source);
  const named = specialTokens(source);
  using index = openCheckpoint(source);
  const { graph, files } = buildClassifierGraph({ model, index });
  const names = new Map([...files.keys()].map((location, i) => [location, dataName(i)] as const));
  replaceFolder(out, "onnx", (temporary) => {
    mkdirSync(join(temporary, "onnx"));
    writeFileSync(join(temporary, "onnx", MODEL), encodeModel(relocate(graph, names)));
    for (const [location, file] of files) {
      copyFileSync(file, join(temporary, "onnx", names.get(location)!));
    }
    const write = (name: string, json: unknown) =>
      writeFileSync(join(temporary, name), JSON.stringify(json, null, 2) + "\n");
    write("config.json", {
      ...readJson(join(source, "config.json")),
      "transformers.js_config": { use_external_data_format: { [MODEL]: names.size } },
    });
    write("tokenizer.json", tokenizer.json);
    write("tokenizer_config.json", {
      tokenizer_class: model.tokenizerClass,
      ...tokenizer.config,
      ...named,
      model_max_length: maxLength(tokenizer.config.model_max_length, maxPositions(model)),
    });
  });
}

/** The names that Transformers.js expects: `model.onnx_data`, `model.onnx_data_1`, ... */
function dataName(index: number): string {
  return `${MODEL}_data${index === 0 ? "" : `_${index}`}`;
}

/** The graph with its weights in files of other names. */
function relocate(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const moved = [...graph.initializers].map(([name, initializer]): [string, Initializer] => {
    if (!("external" in initializer)) return [name, initializer];
    const { external } = initializer;
    const location = names.get(external.location);
    if (location === undefined) {
      throw new Error(`internal: weight "${name}" lies in unknown file ${external.location}`);
    }
    return [name, { ...initializer, external: { ...external, location } }];
  });
  return { ...graph, initializers: new Map(moved) };
}

/** `pad_token` and its like by their text: Transformers.js knows no customary ones. */
function specialTokens(folder: string): Record<string, string> {
  const tokenizer = loadTokenizer(folder);
  const named: Record<string, string> = {};
  for (const role of ["pad", "eos", "bos", "unk", "cls", "sep", "mask"] satisfies SpecialRole[]) {
    const id = tokenizer[`${role}Id`];
    const token = id === undefined ? undefined : tokenizer.idToToken(id);
    if (token !== undefined) named[`${role}_token`] = token;
  }
  return named;
}

function maxLength(found: unknown, positions: number): number {
  return typeof found === "number" ? Math.min(found, positions) : positions;
}

/**
 * A folder that {@link Judge} loads, for any classifier: the folder itself where it has `onnx/model.onnx`, else
 * an export of it, which is written to the cache the first time it is needed.
 *
 * @param folder an ONNX folder, or a Hugging Face folder of a sequence classifier
 * @param options.cacheDir default: `decorum/onnx` in `$XDG_CACHE_HOME` or `~/.cache`
 * @throws as `exportClassifierOnnx`
 */
export async function onnxFolder(
  folder: string,
  options: { readonly name?: string; readonly cacheDir?: string } = {},
): Promise<string> {
  const source = resolve(folder);
  const hasWeights = existsSync(source) && [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
  ].some((name) => existsSync(join(source, name)));
  if (existsSync(join(source, "onnx", "model.onnx")) || !hasWeights) return source;
  const cacheDir = options.cacheDir ?? join(dirname(defaultCacheDir()), "onnx");
  const hash = `${(await baseModelHash(source)).slice(0, 16)}-${tokenizerHash(source).slice(0, 8)}`;
  const out = join(
    cacheDir,
    hash,
    (options.name ?? basename(source)).replaceAll(/[^\w.@-]/g, "--"),
  );
  if (!existsSync(join(out, "onnx", "model.onnx"))) exportClassifierOnnx(source, out);
  return out;
}
