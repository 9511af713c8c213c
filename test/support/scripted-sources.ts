/** Sources that a test hands out batch by batch. */
import type { OpenedSources, SourceRow } from "../../src/core/source.ts";

export function sourceRow(line: number, change: Partial<SourceRow> = {}): SourceRow {
  return {
    source: 0,
    line,
    datasetGroupId: "42",
    traceId: `trace-${line}`,
    spanId: "",
    invalid: undefined,
    ...change,
  };
}

export function sourceRows(count: number, firstLine = 1): SourceRow[] {
  return Array.from({ length: count }, (_, index) => sourceRow(firstLine + index));
}

/** `step` runs before each batch is handed out; what it throws is the source's fault. */
export function scriptedSources(
  batches: readonly SourceRow[][],
  step: (batch: number) => Promise<void> | void = () => undefined,
): OpenedSources {
  return {
    names: ["rows.csv"],
    plan: async () => [],
    seen: () => [],
    facts: [{ name: "rows.csv", sizeBytes: undefined, modifiedMs: undefined, headHash: undefined }],
    readShare: () => undefined,
    async *rows(signal) {
      for (const [index, batch] of batches.entries()) {
        await step(index);
        signal.throwIfAborted();
        yield batch;
      }
    },
  };
}
