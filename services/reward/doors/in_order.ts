/**
 * Works on the values of a source, up to `depth` at once, and yields the results in the source's order. A value is
 * asked for only when there is room to work on it. The first failure ends it.
 */
export async function* inOrder<T, R>(
  source: AsyncIterable<T>,
  depth: number,
  work: (value: T) => Promise<R>,
): AsyncGenerator<R, void> {
  const values = source[Symbol.asyncIterator]();
  const running: Promise<R>[] = [];
  let next: Promise<IteratorResult<T>> | undefined;
  let ended = false;
  try {
    while (!ended || running.length > 0) {
      if (!ended && running.length < depth) next ??= values.next();
      const [oldest] = running;
      const came = await Promise.race([
        ...(next ? [next.then((result) => ({ result }))] : []),
        ...(oldest ? [oldest.then((answer) => ({ answer }))] : []),
      ]);
      if ("answer" in came) {
        running.shift();
        yield came.answer;
        continue;
      }
      next = undefined;
      if (came.result.done) {
        ended = true;
        continue;
      }
      const started = work(came.result.value);
      started.catch(() => {});
      running.push(started);
    }
  } finally {
    next?.catch(() => {});
    if (!ended) values.return?.().catch(() => {});
  }
}
