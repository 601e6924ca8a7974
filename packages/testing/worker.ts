/** Runs `test` while every new thread fails at its first message by an error that nothing catches. */
export async function withFailingThreads(test: () => Promise<void>): Promise<void> {
  const real = globalThis.Worker;
  const source = `onmessage = () => { throw new Error("the thread failed"); }`;
  globalThis.Worker = class extends real {
    constructor() {
      super(`data:text/javascript,${encodeURIComponent(source)}`, { type: "module" });
    }
  };
  try {
    await test();
  } finally {
    globalThis.Worker = real;
  }
}
