/**
 * A program for tests: opens the embedded store in the directory named first and does what is named second, telling
 * of it line by line on standard output. It is there to be killed.
 */
import { readFileSync } from "node:fs";
import { openEmbedded } from "../../src/store/pglite/open.ts";
import { ADDED, setStage } from "./store-fixtures.ts";

const [directory = "", task = "hold"] = process.argv.slice(2);
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  const embedded = await openEmbedded({ directory });
  const { store } = embedded;
  say({ opened: process.pid });
  switch (task) {
    case "hold":
      setInterval(() => undefined, 60_000);
      break;
    case "close":
      await embedded.close();
      break;
    case "add": {
      // Without an end: each line is an acknowledgement that must outlive the process.
      for (;;) {
        const stage = await setStage(store, { rows: 100 });
        await Promise.all(
          stage.rows.map(async ({ row, key }) => {
            const claim = await stage.claim(row);
            await store.settle(stage.settleOf(claim, ADDED));
            say({ run: stage.run.runId, row, key });
          }),
        );
      }
    }
    // oxlint-disable-next-line no-fallthrough
    case "measure": {
      for (let round = 0; round < 5; round += 1) {
        const stage = await setStage(store, { rows: 1_000 });
        await Promise.all(
          stage.rows.map(async ({ row }) => {
            await store.settle(stage.settleOf(await stage.claim(row), ADDED));
          }),
        );
      }
      await embedded.close();
      const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
      say({ peakMib: Math.round(Number(peak) / 1024) });
      break;
    }
    default:
      throw new Error(`no such task: ${task}`);
  }
} catch (error) {
  const code = error instanceof Error && "code" in error ? error.code : String(error);
  say({ failed: code });
  process.exitCode = 1;
}
