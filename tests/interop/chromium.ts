import axe from "axe-core";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { promisify } from "node:util";
import puppeteer, { type Browser, type Page } from "puppeteer-core";

const run = promisify(execFile);
const CHROMIUM = "/usr/bin/chromium";

/** Installs Debian's Chromium where it is missing. @throws Error when that cannot be done */
async function ensureChromium(): Promise<void> {
  if (existsSync(CHROMIUM)) return;
  if (process.getuid?.() !== 0) {
    throw new Error("This test needs Debian's package chromium: install it, or run as root");
  }
  console.log("interop: installing chromium");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-q"], { env });
  await run("apt-get", ["install", "-qy", "--no-install-recommends", "chromium"], { env });
}

/** A page that is looked at, and what went wrong on it. */
export interface Looked {
  readonly page: Page;
  /** Errors of scripts, refusals of the content security policy, and windows that a script opened. */
  readonly problems: string[];
}

/** A browser without a screen, closed at the end of an `await using` block. */
export class Chromium implements AsyncDisposable {
  private constructor(readonly browser: Browser) {}

  static async start(): Promise<Chromium> {
    await ensureChromium();
    // Root has no sandbox in Debian's package, and the pages are this test's own.
    const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
    return new Chromium(await puppeteer.launch({ executablePath: CHROMIUM, args }));
  }

  /** Opens an address. A tab of its own keeps nothing of others. */
  async open(url: string): Promise<Looked> {
    const context = await this.browser.createBrowserContext();
    const page = await context.newPage();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    page.on("dialog", (dialog) => {
      problems.push(`a script says ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(url);
    return { page, problems };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.browser.close();
  }
}

/** What axe-core has to say of a page as it is shown now, one line an element. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // By the debugger, which the page's policy does not concern.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate("axe.run()") as axe.AxeResults;
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`)
  );
}
