/** Sources that a test hands out batch by batch. */
import type { OpenedSources, SourcePlan, SourceRow } from "../../src/core/source.ts";

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

/** Of a list of nine records. */
export function sourcePlan(change: Partial<SourcePlan>): SourcePlan {
  return {
    name: "rows.csv",
    format: "CSV",
    formatName: "csv",
    reason: "",
    unit: "line",
    columns: { trace: "trace_id", span: undefined, group: undefined },
    records: 9,
    leftOut: [],
    distinct: { traces: 1_234, spans: 0 },
    repeated: 0,
    passedOver: [],
    warnings: [],
    ...change,
  };
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
