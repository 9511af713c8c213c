/** What figures are worth: the middle of several, rounded, and the machine they come from. */
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)] ?? Number.NaN;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

export function machine(): object {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: round(totalmem() / 2 ** 30, 1),
    system: `${process.platform} ${release()}`,
    node: process.versions.node,
    /** Work of others beside the benchmark makes its absolute figures worse; its ratios less so. */
    loadAverage: round(loadavg()[0] ?? 0, 1),
  };
}

/** `--rows 1000` and the like, each with its default. */
export function flags<const Name extends string>(
  defaults: Readonly<Record<Name, string>>,
): Record<Name, string> {
  const values: Record<Name, string> = { ...defaults };
  const given = process.argv.slice(2);
  for (let index = 0; index < given.length; index += 2) {
    const name = (given[index] ?? "").replace(/^--/, "");
    const value = given[index + 1];
    if (!Object.hasOwn(defaults, name) || value === undefined) {
      throw new Error(
        `flags: ${Object.entries(defaults)
          .map(([key, usual]) => `--${key} ${String(usual)}`)
          .join(" ")}`,
      );
    }
    values[name as Name] = value;
  }
  return values;
}
