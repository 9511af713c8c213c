/**
 * `npm run test:fault -- [--times N] [--full] [file…]`: the fault tests N times in a row, each time at other moments;
 * stops at the first that fails. `--full`: ten kills in an import of 5,000 rows, on both stores.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  options: { times: { type: "string", default: "1" }, full: { type: "boolean", default: false } },
  allowPositionals: true,
});
const times = Number(values.times);
const files = positionals.length === 0 ? ["test/fault"] : positionals.map((name) => `test/fault/${name}`);
for (let round = 1; round <= times; round += 1) {
  process.stdout.write(`round ${round} of ${times}\n`);
  const { status } = spawnSync("vitest", ["run", ...files], {
    stdio: "inherit",
    env: {
      ...process.env,
      TRACELOAD_FAULT_SEED: String(round),
      TRACELOAD_FAULT_FULL: values.full ? "1" : "",
    },
  });
  if (status !== 0) {
    process.stdout.write(`round ${round} failed\n`);
    process.exitCode = status ?? 1;
    break;
  }
}
