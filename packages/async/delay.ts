/**
 * Resolves after `ms` milliseconds, or as soon as one of the signals is aborted. It never rejects: a caller that
 * must know which it was asks the signal.
 */
export function delay(
  ms: number,
  ...signals: readonly (AbortSignal | undefined)[]
): Promise<void> {
  const given = signals.filter((signal) => signal !== undefined);
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      for (const signal of given) signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    for (const signal of given) signal.addEventListener("abort", end);
    if (given.some(({ aborted }) => aborted)) end();
  });
}
