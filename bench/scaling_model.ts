/** A kind of processor, as the model sees it. */
export interface Processor {
  readonly name: string;
  /** Multiply-adds and adds per second that products of matrices reach. */
  readonly flops: number;
  /** Bytes per second of memory that a decoding step reaches. */
  readonly bandwidth: number;
  /** Seconds that a decoding step takes at least, for launches and the runtime between kernels. */
  readonly perToken: number;
  /** Bytes of a weight. */
  readonly width: number;
  /** Whether one process has the processor to itself, or shares it with the others on its machine. */
  readonly basis: "measured" | "assumed";
}

/** The 2-core machine of docs/performance.md: products, memory and runtime as measured there. */
export const cpu: Processor = {
  ...{ name: "2 CPU cores, fp32", flops: 172e9, bandwidth: 30e9, perToken: 0.015, width: 4 },
  basis: "measured",
};

/** An H100 in fp16, assumed: a third of its peak, two thirds of its memory's speed, 150 launches of 10 us. */
export const h100: Processor = {
  ...{ name: "H100-class GPU, fp16", flops: 330e12, bandwidth: 2.2e12, perToken: 0.0015, width: 2 },
  basis: "assumed",
};

/** FLAN-T5-base in a PPO step of 16 x (256 + 64) tokens: the table of docs/performance.md, in FLOP. */
const flops = { prefill: 860e9, decode: 264e9, reference: 1134e9, update: 2316e9 };
/** Bytes that a decoding step reads in float32: weights, whatever the batch; keys and values, with it. */
const bytes = { weights: 0.5e9, cache: 0.3e9 };
const RESPONSE = 64;
const BATCH = 16;
/** `bench push`: 13.5 MiB, one policy. */
const PUSH = { latency: 0.02, bytes: 14.2e6, perByte: 0.125 / 14.2e6 };
/** Bytes per second that a trainer's link takes; no measurement here, 10 Gbit/s. */
const LINK = 1.25e9;

/** Seconds of a step's parts. */
export interface StepCost {
  readonly replicas: number;
  readonly generation: number;
  readonly reference: number;
  readonly update: number;
  readonly push: number;
  /** The parts one after the other. */
  readonly step: number;
  /** With `rollout.overlap`. */
  readonly overlapped: number;
  readonly bottleneck: string;
}

/**
 * Costs of a step. Each policy generates its share of the batch, in groups of at most `group`; it
 * reads the weights again for every group. Reference and update are the trainer's alone. Pushes go out at once, and share the
 * trainer's one process and its link.
 *
 * @param options.batch responses of a step
 * @param options.group responses that a policy decodes together
 */
export function stepCost(
  replicas: number,
  policy: Processor,
  trainer: Processor,
  options: { readonly batch: number; readonly group: number },
): StepCost {
  const { batch, group } = options;
  const rounds = Math.ceil(Math.ceil(batch / group) / replicas);
  const share = group / BATCH;
  const width = policy.width / 4;
  const decodeStep = Math.max(
    (bytes.weights + bytes.cache * share) * width / policy.bandwidth,
    flops.decode * share / RESPONSE / policy.flops,
  ) + policy.perToken;
  const generation = rounds * (flops.prefill * share / policy.flops + RESPONSE * decodeStep);
  const reference = flops.reference * batch / BATCH / trainer.flops;
  const update = flops.update * batch / BATCH / trainer.flops;
  // Hashing and sending are the trainer's, one after the other; committing is the policies', at once.
  const push = PUSH.latency + PUSH.bytes * PUSH.perByte / 2 * (1 + replicas) +
    PUSH.bytes * replicas / LINK;
  const learning = reference + update;
  const parts = { generation, "reference and update": learning, push };
  const [bottleneck] = Object.entries(parts).reduce((a, b) => b[1] > a[1] ? b : a);
  return {
    ...{ replicas, generation, reference, update, push, bottleneck },
    step: generation + learning + push,
    overlapped: Math.max(generation, learning) + push,
  };
}

/**
 * What the trainer itself does for learners, in seconds of its one thread for 13.5 MiB, from a profile: to take the gradients of
 * a micro-batch and add them, to send weights to one learner; and Adam.
 */
const LEARNERS = { take: 0.03, send: 0.025, adam: 0.12 };
/** Sequences of a micro-batch. */
const MICRO = 4;

/** Seconds of reference and update over some learners. */
export interface LearningCost {
  readonly learners: number;
  /** Until all gradients are there, the reference included. */
  readonly gradients: number;
  /** Weights to all learners. */
  readonly weights: number;
  readonly learning: number;
  /** One learner's time over this. */
  readonly times: number;
  readonly bottleneck: string;
}

/**
 * Costs of reference and update on learners. Each computes its share of the micro-batches; the trainer takes their gradients one
 * after another, over its link; and once an optimizer step it sends the weights to each.
 *
 * @param options.mini sequences of an optimizer step
 */
export function learningCost(
  learners: number,
  learner: Processor,
  options: { readonly batch: number; readonly mini: number },
): LearningCost {
  const of = (count: number) => {
    const { batch, mini } = options;
    const steps = batch / mini;
    const rounds = (sequences: number) => Math.ceil(sequences / MICRO / count);
    const micro = (flop: number) => flop * MICRO / BATCH / learner.flops;
    const computing = rounds(batch) * micro(flops.reference) +
      steps * rounds(mini) * micro(flops.update);
    const taking = batch / MICRO * Math.max(LEARNERS.take, PUSH.bytes / LINK);
    const weights = steps * count * Math.max(LEARNERS.send, PUSH.bytes / LINK);
    const gradients = Math.max(computing, taking);
    const bottleneck = weights > gradients
      ? "weights"
      : taking > computing
      ? "gradients"
      : "learners";
    return {
      gradients,
      weights,
      learning: gradients + weights + steps * LEARNERS.adam,
      bottleneck,
    };
  };
  const cost = of(learners);
  return { ...cost, learners, times: of(1).learning / cost.learning };
}

/** Predictions of {@link learningCost} for 1 to 64 learners. */
export function learningTable(): readonly LearningCost[] {
  return [1, 2, 4, 8, 16, 32, 64].map((n) => learningCost(n, cpu, { batch: 512, mini: 128 }));
}

/** Predictions for 1 to 64 policies, for each kind of machines. */
export function costTable(): { readonly title: string; readonly rows: readonly StepCost[] }[] {
  const numbers = [1, 2, 4, 8, 16, 32, 64];
  const rows = (policy: Processor, trainer: Processor, batch: number, group: number) =>
    numbers.map((n) => stepCost(n, policy, trainer, { batch, group }));
  return [
    {
      title: "the iteration that bench ppo_iteration takes: 16 responses in one group",
      rows: [stepCost(1, cpu, cpu, { batch: BATCH, group: BATCH })],
    },
    { title: `policies and trainer: ${cpu.name}; 512 responses`, rows: rows(cpu, cpu, 512, 8) },
    {
      title: `policies: ${cpu.name}; trainer: ${h100.name} (assumed)`,
      rows: rows(cpu, h100, 512, 8),
    },
    { title: `policies and trainer: ${h100.name} (assumed)`, rows: rows(h100, h100, 512, 8) },
  ];
}

export function printCosts(tables: ReturnType<typeof costTable>): void {
  for (const { title, rows } of tables) {
    console.log(`\n${title}\n`);
    console.log(
      "| policies | generation | reference | update | push | step | overlapped | most goes to |",
    );
    console.log("|---|---|---|---|---|---|---|---|");
    for (const row of rows) {
      const cells = [row.generation, row.reference, row.update, row.push, row.step, row.overlapped];
      const text = cells.map((s) => s.toPrecision(3)).join(" | ");
      console.log(`| ${row.replicas} | ${text} | ${row.bottleneck} |`);
    }
  }
}

export function printLearning(rows: readonly LearningCost[]): void {
  console.log(
    `\nlearners: ${cpu.name}; 512 responses, 128 an optimizer step, micro-batches of ${MICRO}\n`,
  );
  console.log("| learners | gradients | weights | reference and update | times | most goes to |");
  console.log("|---|---|---|---|---|---|");
  for (const { learners, gradients, weights, learning, times, bottleneck } of rows) {
    const cells = [gradients, weights, learning, times].map((x) => x.toPrecision(3)).join(" | ");
    console.log(`| ${learners} | ${cells} | ${bottleneck} |`);
  }
}
