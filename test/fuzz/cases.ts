/**
 * The process that reads damaged files, case after case, until it is ended. Each case stands on disk before it is read:
 * what kills this process, or keeps it busy for ever, is then known all the same.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as fc from "fast-check";
import { SOURCE_FORMATS } from "../../src/core/source.ts";
import { judge, type Case, type Outcome } from "./judge.ts";
import { bytesOf, recipes } from "./mutations.ts";
import { fuzzSeeds } from "./seeds.ts";

export type CaseMessage =
  | { kind: "started"; round: number }
  | { kind: "began" }
  | ({ kind: "ended"; outcome: Outcome } & Taken)
  | { kind: "failed"; round: number; reason: string; file: string };

interface Taken {
  cpuMs: number;
  grownMiB: number;
}

/** By which one case may make this process grow. */
const MAX_GROWN_MIB = 400;
/** What one case of at most 4 MiB may take. */
const MAX_CPU_MS = 15_000;
const CASES_A_ROUND = 200;

const [directory = ".", samples = "", firstRound = "1"] = process.argv.slice(2);
const seeds = fuzzSeeds(samples === "" ? undefined : samples);
const file = path.join(directory, "case");

/** Of records that there are, and of none. */
const paths = fc.constantFrom(
  "trace_id",
  "traceId",
  "span_id",
  "id",
  "name",
  "attributes.a[0]",
  "attributes.a[-1].b",
  "spans[0].traceId",
  "context.trace_id",
  'attributes["trace.id"]',
  "a.b",
  "__proto__.traceId",
  "constructor.name",
);
const conditions = fc.constantFrom(
  "trace_id!=",
  "span_id=",
  "name=n",
  "id~^[0-9a-f]+$",
  "trace_id~(a*)*b",
  "duration>1",
  "start_time<2026-11-01T00:00:00Z",
  "attributes.a[1].b<=2",
  "__proto__!=",
);
const usual = fc.record(
  {
    format: fc.oneof(
      { arbitrary: fc.constant("auto"), weight: 3 },
      { arbitrary: fc.constantFrom(...SOURCE_FORMATS), weight: 1 },
    ),
    unit: fc.constantFrom("auto", "trace", "span"),
    rootOnly: fc.boolean(),
    padIds: fc.boolean(),
  },
  { requiredKeys: ["format", "unit"] },
);
const named = fc.record(
  {
    traceColumn: fc.constantFrom("id", "1", "trace_id", "a.b", "__proto__", "constructor.name"),
    map: fc.record({ trace: paths, span: paths, group: paths }, { requiredKeys: [] }),
    where: fc.array(conditions, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);
// Most names are in no record, and end the reading.
const options: fc.Arbitrary<Case["options"]> = fc
  .tuple(usual, fc.oneof({ arbitrary: fc.constant({}), weight: 2 }, { arbitrary: named, weight: 1 }))
  .map(([one, other]) => Object.assign({}, one, other));
const cases = fc.record({
  recipe: recipes(seeds),
  options,
  pieceBytes: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 2 },
    { arbitrary: fc.constantFrom(7, 64, 4096, 65_536), weight: 1 },
  ),
});

function tell(message: CaseMessage): void {
  process.send?.(message);
}

function write(
  to: string,
  { bytes, options, pieceBytes, seed }: Omit<Case, "file"> & { seed: number },
): void {
  writeFileSync(to, bytes);
  writeFileSync(`${to}.json`, JSON.stringify({ options, pieceBytes, seed: seeds[seed]?.name }));
}

/** What `name` of the process's memory comes to; Linux keeps it in /proc. */
function mib(name: "VmRSS" | "VmHWM"): number {
  const [, kib] =
    new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kib) / 1024;
}

/**
 * Time of this thread alone: others collect garbage, or end, for earlier cases, too. Memory by which the process grew at
 * the most.
 */
async function measured(damaged: Case): Promise<Taken & { outcome: Outcome }> {
  // The peak is to be counted anew.
  writeFileSync("/proc/self/clear_refs", "5");
  const [rss, cpu] = [mib("VmRSS"), process.threadCpuUsage()];
  const outcome = await judge(damaged);
  const { user, system } = process.threadCpuUsage(cpu);
  return { outcome, cpuMs: (user + system) / 1000, grownMiB: mib("VmHWM") - rss };
}

for (let round = Number(firstRound); ; round += 1) {
  tell({ kind: "started", round });
  let tookTooMuch = false;
  const property = fc.asyncProperty(cases, async ({ recipe, options, pieceBytes }) => {
    // What takes too much is kept as it is: what it left behind would be held against smaller ones.
    if (tookTooMuch) return;
    const bytes = bytesOf(recipe, seeds);
    write(file, { bytes, options, pieceBytes, seed: recipe.seed });
    tell({ kind: "began" });
    const { outcome, cpuMs, grownMiB } = await measured({ file, bytes, options, pieceBytes });
    tell({ kind: "ended", outcome, cpuMs, grownMiB });
    tookTooMuch = cpuMs > MAX_CPU_MS || grownMiB > MAX_GROWN_MIB;
    if (tookTooMuch) throw new Error(`it took ${Math.round(cpuMs)} ms and ${Math.round(grownMiB)} MiB`);
  });
  const result = await fc.check(property, {
    seed: round,
    numRuns: CASES_A_ROUND,
    interruptAfterTimeLimit: 600_000,
  });
  if (result.failed && result.counterexample !== null) {
    const [{ recipe, options, pieceBytes }] = result.counterexample;
    // Under a name of its own: the next case is written before anybody looks at this one.
    const failed = `${file}-${round}`;
    write(failed, { bytes: bytesOf(recipe, seeds), options, pieceBytes, seed: recipe.seed });
    const reason = result.errorInstance instanceof Error ? result.errorInstance.stack : undefined;
    tell({ kind: "failed", round, reason: reason ?? String(result.errorInstance), file: failed });
  }
}
