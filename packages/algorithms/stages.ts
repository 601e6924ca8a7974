/** Parts of a step that are watched: timed, traced. */
export type StepStage =
  | "prompts"
  | "rollout"
  | "score"
  | "forward_pass"
  | "compute_rewards"
  | "compute_advantages"
  | "update.minibatch"
  | "calc_stats"
  | "push";

/** Runs one part of a step and gives back its result. */
export type StageRunner = <T>(stage: StepStage, run: () => T | Promise<T>) => Promise<T>;

/** Just runs the parts. */
export const unwatched: StageRunner = async (_, run) => await run();
