/**
 * The events that a piece of work reports while it runs, then its result.
 *
 * @param work gets a function that reports an event
 */
export async function* eventsOf<E, R>(
  work: (report: (event: E) => void) => Promise<R>,
): AsyncGenerator<E | R, void> {
  const events: E[] = [];
  let wake = (): void => {};
  let ended = false;
  const outcome = work((event) => {
    events.push(event);
    wake();
  }).finally(() => {
    ended = true;
    wake();
  });
  outcome.catch(() => {});
  while (true) {
    while (events.length > 0) yield events.shift()!;
    if (ended) break;
    await new Promise<void>((resolve) => wake = resolve);
  }
  yield await outcome;
}
