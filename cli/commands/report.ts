import { Command } from "commander";
import { writeReport } from "../report.ts";

/** `decorum report`: a run as a file that needs nothing else. */
export function reportCommand(): Command {
  return new Command("report")
    .description(
      "Write a run as one HTML file, with what the page of runs shows of it. It opens without a server or a network.",
    )
    .argument("<run>", "name of the run")
    .option("--runs <folder>", "read the run from this folder", "runs")
    .option("--out <file>", "write the report here (default: <run>.html)")
    .action(async (run: string, { runs, out }: { runs: string; out?: string }) => {
      const file = out ?? `${run}.html`;
      await writeReport(runs, run, file);
      console.log(file);
    });
}
