/** Where text goes on a screen: its width there, cutting it to a width, flowing parts into lines, aligned columns. */
import Table from "cli-table3";

/** Scripts and signs that take two columns on a terminal. An approximation that errs on the wide side. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303E\uFF01-\uFF60\uFFE0-\uFFE6]/u;
const NO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns that the text takes on a terminal; the text holds no escape sequences. */
export function displayWidth(text: string): number {
  let columns = 0;
  for (const character of text) columns += characterWidth(character);
  return columns;
}

/** The text, cut to so many columns with `…` at its end where it is longer. */
export function fit(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns <= 0) return "";
  let kept = "";
  let used = 1;
  for (const character of text) {
    used += characterWidth(character);
    if (used > columns) break;
    kept += character;
  }
  return `${kept}…`;
}

/** A part of a line, and how it is to be coloured once its place is known. */
export interface Part {
  text: string;
  paint?: ((text: string) => string) | undefined;
}

/** Parts beside each other with ` · ` between them, on as many lines as it takes; a part is cut only if it must be. */
export function flow(parts: readonly Part[], columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  let used = 0;
  for (const part of parts) {
    const text = fit(part.text, columns);
    const painted = part.paint === undefined ? text : part.paint(text);
    const width = displayWidth(text);
    if (line !== "" && used + 3 + width > columns) {
      lines.push(line);
      line = "";
      used = 0;
    }
    line += line === "" ? painted : ` · ${painted}`;
    used += line === painted ? width : width + 3;
  }
  if (line !== "") lines.push(line);
  return lines;
}

/** A sentence on as many lines as it takes, broken between words; all but the first are indented by two columns. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const next = line === "" ? word : `${line} ${word}`;
    if (line.trim() === "" || displayWidth(next) <= columns) line = next;
    else {
      lines.push(line);
      line = `  ${word}`;
    }
  }
  return [...lines, line];
}

export interface ColumnsOptions {
  head?: readonly string[];
  /** Per column; the default is left. */
  align?: readonly ("left" | "right")[];
  /** Put before every line. */
  indent?: string;
}

/** Rows of cells as aligned columns, two spaces apart, without lines around them. Cells may be coloured. */
export function alignedColumns(rows: readonly (readonly string[])[], options: ColumnsOptions = {}): string[] {
  if (rows.length === 0) return [];
  const table = new Table({
    ...(options.head === undefined ? {} : { head: [...options.head] }),
    colAligns: [...(options.align ?? [])],
    chars: NO_LINES,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split("\n")
    .map((line) => ((options.indent ?? "") + line).trimEnd());
}

const NO_LINES = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

function characterWidth(character: string): number {
  if (NO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
