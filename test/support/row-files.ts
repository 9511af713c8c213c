/** Files of rows for imports: as many as are asked for, all different, the same each time. */
import { createHash } from "node:crypto";

/** `count` lines of trace and span, every fifth without a span, in files whose `seed` tells their rows apart. */
export function csvOfRows(count: number, seed = 1): string {
  const lines = Array.from({ length: count }, (_, index) => {
    const span = index % 5 === 4 ? "" : hex(`span ${seed} ${index}`, 16);
    return `${hex(`trace ${seed} ${index}`, 32)},${span}`;
  });
  return `trace_id,span_id\n${lines.join("\n")}\n`;
}

function hex(text: string, digits: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}
