/**
 * True when the epochs of this step should end: the mean of `approxkl` over the mini-batches of an epoch is
 * beyond 1.5 times its target, the margin TRL uses.
 *
 * @param targetKl in nats per token
 */
export function shouldStopEarly(meanApproxkl: number, targetKl: number): boolean {
  return meanApproxkl > 1.5 * targetKl;
}
