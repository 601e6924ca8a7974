// The scripted reward in a process of its own: address.
import process from "node:process";
import { startReward } from "./reward_server.ts";

const { address } = await startReward(process.argv[2]);
console.log(`ready reward ${address}`);
