import { z } from "zod";
import { callConfig } from "./security.ts";
import { address, addresses, executorConfig, listenConfig } from "./service.ts";
import { type RunConfig, runFields } from "./run.ts";

/** Ids of runs are names of folders too. */
export const RUN_ID: RegExp = /^(?!\.)(?!decorum\.db)[A-Za-z0-9._-]{1,100}$/;

/** What {@link RUN_ID} takes, for messages. */
export const RUN_ID_RULE =
  "expected 1 to 100 letters, digits, dots, dashes and underscores, no dot first";

/** Settings of the process; they do not decide a run's results. */
const processFields = {
  ...listenConfig,
  ...callConfig,
  listen: listenConfig.listen.default("127.0.0.1:50054"),
  provider: executorConfig.provider,
  threads: executorConfig.threads,
  /** Policies; a name with several addresses stands for all of them. */
  policy: addresses.default(["127.0.0.1:50051"]),
  reward: address.default("127.0.0.1:50052"),
  /** Null: runs are not evaluated while they go on. */
  evaluator: address.nullable().default(null),
  /** Folder of runs: database and checkpoints. */
  runs: z.string().min(1).default("runs"),
  /** The one run of this process: started or gone on with, and the process ends with it. Null: runs are started by calls. */
  run: z.string().regex(RUN_ID, RUN_ID_RULE).nullable().default(null),
} as const;

const schema = z.strictObject({ ...processFields, ...runFields });

/** The section `trainer` of the configuration. */
export type TrainerConfig = z.infer<typeof schema>;
/** Its schema, with all defaults but `model` and `data`. */
export const trainerConfig: z.ZodType<TrainerConfig> = schema;

/** The part that a run is made of, which `StartRun` may change. */
export function runConfigOf(config: TrainerConfig): RunConfig {
  const names = Object.keys(runFields) as (keyof RunConfig)[];
  return Object.fromEntries(names.map((name) => [name, config[name]])) as RunConfig;
}
