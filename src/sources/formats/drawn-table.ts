/** The ruled lines of tables that are drawn with characters: psql, mysql, sqlite3's box and markdown. */

const RULE = /^[\s\-+|:=─━═│┌┐└┘├┤┬┴┼╭╮╰╯╞╡╪╒╕╘╛╤╧]+$/;

/** Whether the line is a ruled one: nothing but strokes, at least three of them in a row. */
export function isRule(line: string): boolean {
  const first = line.trimStart().charAt(0);
  if (first !== "" && /[0-9A-Za-z"]/.test(first)) return false;
  return RULE.test(line) && /[-=─━═]{3,}/.test(line);
}
