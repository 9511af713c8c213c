/** The times that a query is told: `{{since}}` and `{{until}}` in addresses and bodies, and whether they are used. */
import { TraceloadError } from "../../core/errors.ts";
import type { RemoteOptions } from "../../core/source.ts";

export type Window = Pick<RemoteOptions, "since" | "until">;
export type WindowName = keyof Window;

const IN_TEXT = /\{\{\s*(since|until)(?:_(ms|seconds))?\s*\}\}/g;

/** A time holds digits and `-:.TZ` alone, so that it may stand in any text, query or address. */
export function insertTimes(text: string, window: Window): string {
  return text.replaceAll(IN_TEXT, (_, name: WindowName, unit: string | undefined) => {
    const at = window[name]?.at ?? "";
    if (unit === undefined) return at;
    const ms = Date.parse(at);
    return String(unit === "ms" ? ms : Math.floor(ms / 1000));
  });
}

/** Which times stand in the text. */
export function timesIn(text: string): Set<WindowName> {
  return new Set([...text.matchAll(IN_TEXT)].map(([, name]) => (name === "since" ? "since" : "until")));
}

/**
 * Throws `wrong_usage` where a time is used and not given, or given and not used: the wrong rows would be read.
 * `written`: how it is used, `:since` or `{{since}}`.
 */
export function checkTimes(
  used: ReadonlySet<WindowName>,
  window: Window,
  written: (name: WindowName) => string,
): void {
  for (const name of ["since", "until"] as const) {
    if (used.has(name) && window[name] === undefined) {
      throw new TraceloadError("wrong_usage", `${written(name)} is used, and --${name} is not given`, {
        next: `--${name} 24h   or a time: --${name} 2026-11-27T00:00:00Z`,
      });
    }
    // What holds by default until now restricts nothing.
    if (!used.has(name) && window[name] !== undefined && window[name].typed !== "") {
      throw new TraceloadError("wrong_usage", `--${name} is given, and nothing that is asked uses it`, {
        next: `Use it: ${written(name)}`,
      });
    }
  }
}

/** In words, for people and to be compared; undefined: no time is told. */
export function windowText(window: Window, used: ReadonlySet<WindowName>): string | undefined {
  const parts = (["since", "until"] as const).flatMap((name) =>
    used.has(name) && window[name] !== undefined ? [`${name} ${window[name].at}`] : [],
  );
  return parts.length === 0 ? undefined : parts.join(" ");
}
