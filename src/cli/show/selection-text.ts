/** What a rerun would send: how many rows, and the first of them. */
import type { Run, StoredRow } from "../../core/store.ts";
import { visible } from "./escape.ts";
import { formatRows } from "./human.ts";
import { alignedColumns, fit } from "./layout.ts";
import { colorsFor } from "./status-style.ts";
import { formatCount } from "../../core/counted.ts";

const HEAD = ["ROW", "PLACE", "STATUS", "CODE", "TRACE", "SPAN"];
const MOST_CELL_COLUMNS = 40;

/** The text ends in a line break. */
export function renderSelection(
  { parent, count, sample }: { parent: Run; count: number; sample: readonly StoredRow[] },
  look: { color: boolean; columns: number },
): string {
  const colors = colorsFor(look.color);
  const rows = sample.map((row) =>
    [
      String(row.row),
      `${parent.sources[row.source] ?? ""}:${row.line}`,
      row.status,
      row.errorCode ?? "",
      row.traceId,
      row.spanId,
    ].map((cell) => fit(visible(cell), MOST_CELL_COLUMNS)),
  );
  const more = count > sample.length ? [`and ${formatCount(count - sample.length)} more`] : [];
  return [
    `${formatRows(count)} of run ${visible(parent.runId)} would be tried again; nothing was sent.`,
    "",
    ...alignedColumns(rows, { head: HEAD.map((title) => colors.dim(title)), align: ["right"] }),
    ...more,
    "",
  ].join("\n");
}
