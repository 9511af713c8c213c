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
  | { kind: "ended"; outcome: Outcome; cpuMs: number; peakMiB: number }
  | { kind: "failed"; round: number; reason: string; peakMiB: number };

/** Memory of this process that no case may make it pass. */
const MAX_PEAK_MIB = 600;
/** What one case of at most 4 MiB may take. */
const MAX_CPU_MS = 15_000;
const CASES_A_ROUND = 200;

const [directory = ".", samples = "", firstRound = "1"] = process.argv.slice(2);
const seeds = fuzzSeeds(samples === "" ? undefined : samples);
const file = path.join(directory, "case");

const options: fc.Arbitrary<Case["options"]> = fc.record(
  {
    format: fc.oneof(
      { arbitrary: fc.constant("auto"), weight: 4 },
      { arbitrary: fc.constantFrom(...SOURCE_FORMATS), weight: 1 },
    ),
    unit: fc.constantFrom("auto", "trace", "span"),
    rootOnly: fc.boolean(),
    padIds: fc.boolean(),
    traceColumn: fc.constantFrom("id", "1", "trace_id", "a.b", "__proto__", "constructor.name"),
  },
  { requiredKeys: ["format", "unit"] },
);
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

/** Of this process alone; Linux keeps it in /proc. */
function peakMiB(): number {
  try {
    const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return Number(kib) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}

async function timed(damaged: Case): Promise<{ outcome: Outcome; cpuMs: number }> {
  const before = process.cpuUsage();
  const outcome = await judge(damaged);
  const { user, system } = process.cpuUsage(before);
  return { outcome, cpuMs: (user + system) / 1000 };
}

for (let round = Number(firstRound); ; round += 1) {
  tell({ kind: "started", round });
  const property = fc.asyncProperty(cases, async ({ recipe, options, pieceBytes }) => {
    const bytes = bytesOf(recipe, seeds);
    writeFileSync(file, bytes);
    writeFileSync(`${file}.json`, JSON.stringify({ options, pieceBytes, seed: seeds[recipe.seed]?.name }));
    let { outcome, cpuMs } = await timed({ file, bytes, options, pieceBytes });
    // What else the process has to do, such as to collect what was left of earlier cases, is no fault of this one.
    if (cpuMs > MAX_CPU_MS) ({ outcome, cpuMs } = await timed({ file, bytes, options, pieceBytes }));
    tell({ kind: "ended", outcome, cpuMs, peakMiB: peakMiB() });
    if (cpuMs > MAX_CPU_MS) throw new Error(`it took ${Math.round(cpuMs)} ms`);
    if (peakMiB() > MAX_PEAK_MIB) throw new Error(`it took ${Math.round(peakMiB())} MiB`);
  });
  const result = await fc.check(property, {
    seed: round,
    numRuns: CASES_A_ROUND,
    // A case that takes too much is no smaller one's fault.
    interruptAfterTimeLimit: 600_000,
  });
  if (result.failed && result.counterexample !== null) {
    const [{ recipe, options, pieceBytes }] = result.counterexample;
    writeFileSync(file, bytesOf(recipe, seeds));
    writeFileSync(`${file}.json`, JSON.stringify({ options, pieceBytes, seed: seeds[recipe.seed]?.name }));
    const reason = result.errorInstance instanceof Error ? result.errorInstance.stack : undefined;
    tell({
      kind: "failed",
      round,
      reason: reason ?? String(result.errorInstance),
      peakMiB: peakMiB(),
    });
    // What it took cannot be told from what the next case takes.
    if (peakMiB() > MAX_PEAK_MIB) process.exit(0);
  }
}
