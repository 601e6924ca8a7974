import { controlSchemas } from "./ops/control_schemas.ts";
import { elementwiseSchemas } from "./ops/elementwise.ts";
import { indexingSchemas } from "./ops/indexing.ts";
import { linalgSchemas } from "./ops/linalg.ts";
import { logicalSchemas } from "./ops/logical.ts";
import { normalizationSchemas } from "./ops/normalization.ts";
import { quantizationSchemas } from "./ops/quantization.ts";
import { reductionSchemas } from "./ops/reduction.ts";
import { segmentSchemas } from "./ops/segment.ts";
import { shapeSchemas } from "./ops/shape.ts";
import type { OpSchema } from "./schema.ts";

// The operator files import the builder, which imports this file: the table is made at its first use.
let table: ReadonlyMap<string, OpSchema> | undefined;

function schemaTable(): ReadonlyMap<string, OpSchema> {
  table ??= new Map(
    [
      elementwiseSchemas,
      logicalSchemas,
      linalgSchemas,
      reductionSchemas,
      shapeSchemas,
      segmentSchemas,
      indexingSchemas,
      normalizationSchemas,
      controlSchemas,
      quantizationSchemas,
    ].flat().map((schema) => [schema.opType, schema]),
  );
  return table;
}

/** The schema of an operator of the default domain, if the project uses it. */
export function schemaOf(opType: string): OpSchema | undefined {
  return schemaTable().get(opType);
}

/** Every operator that a graph may use, by name. */
export function allSchemas(): readonly OpSchema[] {
  return [...schemaTable().values()].sort((a, b) => (a.opType < b.opType ? -1 : 1));
}
