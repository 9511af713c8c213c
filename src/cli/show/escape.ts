/** Makes text from outside safe to print: a file, an answer or an ID must not command the terminal. */

/**
 * C0 and C1 controls and DEL; bidirectional marks, overrides and isolates; line and paragraph separators; the byte
 * order mark; tag characters; and halves of surrogate pairs.
 */
const UNPRINTABLE =
  /[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF\p{Cs}]|[\u{E0000}-\u{E007F}]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The text with everything that a terminal would act on shown as an escape: `\x1b`, `\u202e`, `\n`. */
export function visible(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => SHORT[character] ?? hexEscape(character));
}

/** Like `visible`, but line breaks stay. For texts of several lines, such as a stack. */
export function visibleLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => visible(line))
    .join("\n");
}

function hexEscape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return String.raw`\x${code.toString(16).padStart(2, "0")}`;
  if (code <= 0xffff) return String.raw`\u${code.toString(16).padStart(4, "0")}`;
  return String.raw`\u{${code.toString(16)}}`;
}
