// Passes connections on, as late as its last line of input says: listen address, target address; "delay MS".
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";

const [listen, target] = process.argv.slice(2) as [string, string];
let delayMs = 0;
createInterface(process.stdin).on("line", (line) => void (delayMs = Number(line.split(" ")[1])));

/** Every piece arrives `delayMs` after it came, in order. */
function pass(from: Socket, to: Socket): void {
  let earliest = 0;
  const later = (act: () => void) => {
    earliest = Math.max(earliest, Date.now() + delayMs);
    setTimeout(act, earliest - Date.now());
  };
  from.on("data", (piece) => later(() => void to.write(piece)));
  from.on("end", () => later(() => to.end()));
  from.on("error", () => to.destroy());
  from.on("close", () => later(() => to.destroy()));
}

const port = (address: string) => Number(address.split(":")[1]);
const host = (address: string) => address.split(":")[0]!;
createServer({ allowHalfOpen: true }, (client) => {
  const server = connect({ host: host(target), port: port(target), allowHalfOpen: true });
  pass(client, server);
  pass(server, client);
}).listen(port(listen), host(listen), () => console.log(`ready relay ${listen}`));
