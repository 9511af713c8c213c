/** Reads a file to rows, without keys and without a store, as the producer does; and measures what takes turns. */
import { openSources } from "../../src/sources/open.ts";
import { DEFAULT_OPTIONS } from "../../test/support/source-reading.ts";
import { median, round } from "./figures.ts";
import { say } from "./scene.ts";

/** Answers the number of valid rows. */
export async function readRows(file: string): Promise<number> {
  const sources = await openSources([file], DEFAULT_OPTIONS, { stdin: process.stdin });
  let rows = 0;
  for await (const batch of sources.rows(new AbortController().signal)) {
    for (const row of batch) if (row.invalid === undefined) rows += 1;
  }
  return rows;
}

interface Turns {
  file: string;
  rows: number;
  rounds: number;
  /** Each answers how many rows it read. */
  ours: (file: string) => Promise<number>;
  theirs: (file: string) => Promise<number>;
}

/** Medians of processor time, which others on the machine disturb less than the clock; the first turn only warms up. */
export async function compare({ file, rows, rounds, ours, theirs }: Turns) {
  const taken = { ours: [] as number[], theirs: [] as number[] };
  for (let turn = 0; turn <= rounds; turn += 1) {
    const pair = [["ours", ours] as const, ["theirs", theirs] as const];
    for (const [name, read] of turn % 2 === 0 ? pair : pair.toReversed()) {
      const before = process.cpuUsage();
      const found = await read(file);
      const { user, system } = process.cpuUsage(before);
      if (found !== rows) throw new Error(`${name} read ${found} of ${rows} rows`);
      const micros = (user + system) / rows;
      say(`${turn} ${name}: ${round(micros)} µs a row`);
      if (turn > 0) taken[name].push(micros);
    }
  }
  const [our, their] = [median(taken.ours), median(taken.theirs)];
  return { cpuMicrosPerRow: round(our), theirCpuMicrosPerRow: round(their), ratio: round(their / our) };
}
