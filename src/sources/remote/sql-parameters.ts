/**
 * `:since` and `:until` in a query become parameters of the server; texts, quoted names and comments are left as they
 * are (PostgreSQL, "Lexical Structure"). Knows for each place in what is sent where it stood in what was written.
 */
import type { WindowName } from "./time-window.ts";

export interface ParameterizedSql {
  text: string;
  /** What `$1`, `$2` stand for, in order. */
  parameters: WindowName[];
  /** From a 0-based index in `text` to that in the query as it was written. */
  writtenAt(index: number): number;
}

/**
 * What is passed over as a whole, each from where it may begin. A text in single quotes ends at the next one that is not
 * doubled; with an E before it, a backslash takes the next character along. A quote, comment or text that is not
 * closed reaches to the end: the server says what is wrong with it.
 */
const PASSED_OVER = [
  /--[^\n\r]*/y,
  /(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*(?:'|$)/sy,
  /'(?:[^']|'')*(?:'|$)/y,
  /"(?:[^"]|"")*(?:"|$)/y,
  /(?<![\w$])\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y,
] as const;
const PARAMETER = /(?<!:):(since|until)(?![\w$\u0080-\uffff])/y;
/** Cast, so that `:since - interval '1 hour'` means a time, whatever is written around it. */
const TYPE = "timestamptz";

export function parameterize(written: string): ParameterizedSql {
  const parameters: WindowName[] = [];
  /** Where pieces of `text` begin, and where they stood. */
  const pieces: { at: number; written: number }[] = [{ at: 0, written: 0 }];
  let text = "";
  let copied = 0;
  for (let at = 0; at < written.length;) {
    const behind = behindPassedOver(written, at);
    if (behind > at) {
      at = behind;
      continue;
    }
    PARAMETER.lastIndex = at;
    const name = PARAMETER.exec(written)?.[1];
    if (name !== "since" && name !== "until") {
      at += 1;
      continue;
    }
    if (!parameters.includes(name)) parameters.push(name);
    text += written.slice(copied, at);
    pieces.push({ at: text.length, written: at });
    text += `$${parameters.indexOf(name) + 1}::${TYPE}`;
    at += name.length + 1;
    copied = at;
    pieces.push({ at: text.length, written: at });
  }
  text += written.slice(copied);
  return {
    text,
    parameters,
    writtenAt: (index) => {
      const piece = pieces.findLast(({ at }) => at <= index) ?? { at: 0, written: 0 };
      const next = pieces[pieces.indexOf(piece) + 1]?.written ?? written.length;
      return Math.min(piece.written + index - piece.at, next);
    },
  };
}

function behindPassedOver(text: string, at: number): number {
  if (text.startsWith("/*", at)) return behindComment(text, at);
  for (const pattern of PASSED_OVER) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) continue;
    const [whole] = found;
    if (!whole.startsWith("$")) return at + whole.length;
    const end = text.indexOf(whole, at + whole.length);
    return end === -1 ? text.length : end + whole.length;
  }
  return at;
}

/** Comments of this form may stand in one another. */
function behindComment(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length;) {
    if (text.startsWith("/*", at)) {
      depth += 1;
      at += 2;
    } else if (text.startsWith("*/", at)) {
      depth -= 1;
      at += 2;
      if (depth === 0) return at;
    } else {
      at += 1;
    }
  }
  return text.length;
}
