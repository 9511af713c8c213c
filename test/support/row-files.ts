/** Files of rows for imports: as many as are asked for, all different, the same each time. */
import { createHash } from "node:crypto";

export type RowIds = readonly [traceId: string, spanId: string];

/** `count` traces and spans, every fifth without a span. Another `seed`: other rows. */
export function rowIds(count: number, seed = 1): RowIds[] {
  return Array.from({ length: count }, (_, index): RowIds => {
    const span = index % 5 === 4 ? "" : hex(`span ${seed} ${index}`, 16);
    return [hex(`trace ${seed} ${index}`, 32), span];
  });
}

export function csvOf(rows: readonly RowIds[]): string {
  return `trace_id,span_id\n${rows.map((row) => row.join(",")).join("\n")}\n`;
}

function hex(text: string, digits: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}
