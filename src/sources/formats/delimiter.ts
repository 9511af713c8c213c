/** Finds out what separates the cells of a table, from its first line alone. */
import { isRule } from "./drawn-table.ts";

const DELIMITERS = [",", "\t", ";", "|", "│"] as const;

/**
 * The delimiter that stands most often in the first line that is neither blank nor ruled, outside quotes; a quoted line
 * break belongs to that line. A line without any of them is a table of one column: a comma will do.
 */
export function sniffDelimiter(head: string): string {
  const lines = head.split(/\r\n|\n|\r/, 20);
  const skipped = lines.findIndex((line) => line.trim() !== "" && !isRule(line));
  const text = lines.slice(Math.max(skipped, 0)).join("\n");
  const counts = new Map<string, number>();
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === "\n") break;
    else counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  let best = ",";
  for (const delimiter of DELIMITERS) {
    if ((counts.get(delimiter) ?? 0) > (counts.get(best) ?? 0)) best = delimiter;
  }
  return best;
}
