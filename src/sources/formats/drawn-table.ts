/** Tables that are drawn with characters (psql, mysql, snowsql, sqlite3's box and markdown): what in them is no row. */

const RULE = /^[\s\-+|:=─━═│┌┐└┘├┤┬┴┼╭╮╰╯╞╡╪╒╕╘╛╤╧]+$/;

/** Whether the line is a ruled one: nothing but strokes, at least three of them in a row. */
export function isRule(line: string): boolean {
  const first = line.trimStart().charAt(0);
  if (first !== "" && /[0-9A-Za-z"]/.test(first)) return false;
  return RULE.test(line) && /[-=─━═]{3,}/.test(line);
}

/** What psql, snowsql and mysql put under their tables. */
const FOOTER =
  /^(?:\(\d+ rows?\)|Time: [\d.,]+ ms(?: \(.*\))?|[\d,]+ Row\(s\) produced\..*|[\d,]+ rows? in set.*)$/;

function isFooter(cells: readonly string[]): boolean {
  return cells.length === 1 && FOOTER.test((cells[0] ?? "").trim());
}

/** How psql shows that a cell goes on in the next line because it was too wide. */
const WRAPPED = /^[.…]\S/;

/** Follows a table line by line, and tells its rows from what stands around and between them. */
export class DrawnTable {
  /** A ruled line was met: the table is a drawn one. */
  isDrawn = false;
  /** Which cells of the last row go on in the next line: psql puts a plus behind a line break. */
  #openCells: readonly boolean[] = [];

  /** Whether the cells are a row. Answers "wrapped" where IDs may be cut in two. */
  take(cells: readonly string[]): boolean | "wrapped" {
    const [first = ""] = cells;
    // Asked of every record: most tables are none of these.
    if (!this.isDrawn && /^[0-9A-Za-z"]/.test(first)) return true;
    if (isRule(cells.join(""))) {
      this.isDrawn = true;
      return false;
    }
    if (isFooter(cells)) return !this.isDrawn && !first.trim().startsWith("(");
    if (!this.isDrawn) return true;
    if (cells.some((cell) => WRAPPED.test(cell))) return "wrapped";
    return !this.#goesOn(cells);
  }

  #goesOn(cells: readonly string[]): boolean {
    const before = this.#openCells;
    const open = cells.map((cell) => /\+\s*$/.test(cell));
    const goesOn =
      before.includes(true) &&
      before.includes(false) &&
      cells.every((cell, index) => before[index] === true || cell.trim() === "");
    this.#openCells = goesOn ? before.map((was, index) => was && open[index] === true) : open;
    // The cells that were closed stay closed, so that the last line of an open one ends the row.
    return goesOn;
  }
}
