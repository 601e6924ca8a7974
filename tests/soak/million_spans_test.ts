import assert from "node:assert/strict";
import { trace } from "@opentelemetry/api";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { startTracing } from "@decorum/telemetry";

Deno.test("a million spans to a collector that never answers leave the memory where it was", async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const tracing = await startTracing({
    service: "soak",
    version: "0",
    endpoint,
    exportTimeoutMs: 500,
  });
  const tracer = trace.getTracer("soak");
  const heaps: number[] = [];
  for (let i = 0; i < 1_000_000; i++) {
    tracer.startSpan("span", { attributes: { i } }).end();
    if (i % 1000 > 0) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    heaps.push(process.memoryUsage().heapUsed);
  }
  // Garbage comes and goes; what stays would show in the least of the last tenth.
  const least = (part: number[]) => Math.min(...part) / 2 ** 20;
  const grown = least(heaps.slice(-100)) - least(heaps.slice(300, 400));
  console.log(`heap: ${grown.toFixed(1)} MiB more at the end; ${tracing.dropped} spans dropped`);
  assert.ok(grown < 40, `the heap grew by ${grown} MiB`);
  assert.ok(tracing.dropped > 900_000);
  await tracing.shutdown(500);
  for (const socket of sockets) socket.destroy();
  silent.close();
});
