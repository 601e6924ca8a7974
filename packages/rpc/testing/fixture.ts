import { createLogger, type Logger } from "@decorum/telemetry";
import { type ClientOptions, createClient, type RpcClient } from "../client.ts";
import { createServer, implement, type RpcServer, type ServerOptions } from "../server.ts";
import type { Handlers } from "../service.ts";
import { policyService, rewardService } from "../services.ts";

type PolicyHandlers = Handlers<typeof policyService>;
type RewardHandlers = Handlers<typeof rewardService>;

function notServed(): never {
  throw new Error("this test does not serve the method");
}

async function* noStream(): AsyncGenerator<never> {
  notServed();
  yield await Promise.reject();
}

const one = () => Promise.resolve(notServed());

/** Handlers of the policy service that fail, but for those given. */
export function policyHandlers(some: Partial<PolicyHandlers>): PolicyHandlers {
  return {
    generate: noStream,
    beginWeights: one,
    uploadWeights: one,
    commitWeights: one,
    abortWeights: one,
    rollbackWeights: one,
    getVersion: one,
    getModelInfo: one,
    ...some,
  };
}

/** Handlers of the reward service that fail, but for those given. */
export function rewardHandlers(some: Partial<RewardHandlers>): RewardHandlers {
  return { score: one, scoreStream: noStream, getInfo: one, ...some };
}

/** Lines that a test's server wrote. */
interface LogTap {
  readonly logger: Logger;
  readonly lines: string[];
}

export function tapLog(): LogTap {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  return {
    logger: createLogger({ service: "test", level: "debug", format: "json", write }),
    lines,
  };
}

/** A serving server on a free port, a client of each service, and the end of all of them. */
export interface Fixture extends AsyncDisposable {
  readonly server: RpcServer;
  readonly policy: RpcClient<typeof policyService>;
  readonly reward: RpcClient<typeof rewardService>;
  readonly log: LogTap;
}

export async function startFixture(
  handlers: { policy?: Partial<PolicyHandlers>; reward?: Partial<RewardHandlers> },
  serverOptions: Partial<ServerOptions> = {},
  clientOptions: Partial<ClientOptions> = {},
): Promise<Fixture> {
  const log = tapLog();
  const server = await createServer({
    address: "127.0.0.1:0",
    logger: log.logger,
    services: [
      implement(policyService, policyHandlers(handlers.policy ?? {})),
      implement(rewardService, rewardHandlers(handlers.reward ?? {})),
    ],
    ...serverOptions,
  });
  server.setServing(true);
  const options = { address: `127.0.0.1:${server.port}`, ...clientOptions };
  const policy = createClient(policyService, options);
  const reward = createClient(rewardService, options);
  return {
    server,
    policy,
    reward,
    log,
    async [Symbol.asyncDispose]() {
      policy.close();
      reward.close();
      await server.drain({ graceMs: 0 });
    },
  };
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
