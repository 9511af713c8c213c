/** Cells that a spreadsheet would run as a formula, made harmless in reports and restored when a report is imported. */

const FORMULA = /^'*[=+\-@\t\r]/;
const DEFUSED = /^'+[=+\-@\t\r]/;

/**
 * Puts an apostrophe before a cell that starts like a formula, so that a spreadsheet shows it as text. A cell that
 * looks defused already gets one more, which makes `undefuseCell` the exact inverse for every text.
 */
export function defuseCell(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell;
}

/** Takes the apostrophe off again. Only for cells that went through `defuseCell`. */
export function undefuseCell(cell: string): string {
  return DEFUSED.test(cell) ? cell.slice(1) : cell;
}
