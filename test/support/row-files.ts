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

/** `noteChars`: each row also has so long a column that nobody asks for, so that few are read at a time. */
export function csvOf(rows: readonly RowIds[], noteChars = 0): string {
  const note = noteChars === 0 ? "" : `,${"x".repeat(noteChars)}`;
  const head = `trace_id,span_id${noteChars === 0 ? "" : ",note"}\n`;
  return `${head}${rows.map((row) => `${row.join(",")}${note}\n`).join("")}`;
}

function hex(text: string, digits: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}
