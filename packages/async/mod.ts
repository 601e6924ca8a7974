export { type Backoff, backoffMs, defaultBackoff, retry } from "./retry.ts";
export { Channel } from "./channel.ts";
export { Condition } from "./condition.ts";
export { Deadline, DeadlineError } from "./deadline.ts";
export { delay } from "./delay.ts";
export { isLocked, lockFile, tryLockFile } from "./lock.ts";
export { pool } from "./pool.ts";
