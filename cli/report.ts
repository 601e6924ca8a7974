import { reportOf, storeSource } from "@decorum/ui";
import { replaceFile } from "@decorum/tensor";

/**
 * Writes a run as one file that shows what the page of runs shows.
 *
 * @param runs the trainer's folder of runs
 * @throws StoreError for a store that cannot be read; StatusError NOT_FOUND
 */
export async function writeReport(runs: string, runId: string, file: string): Promise<void> {
  using source = storeSource(runs);
  replaceFile(file, await reportOf(source, runId));
}
