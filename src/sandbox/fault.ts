/** The faults that an add-trace request can meet: how each is written, whether the row is applied, what is answered. */

/** As it is written; see `parseFault`. */
export type FaultKind = string;

export interface Fault {
  kind: FaultKind;
  /** `normal`: as without the fault. `never`: not applied. A number: applied so many ms later, whoever still waits. */
  apply: "normal" | "never" | number;
  answer: FaultAnswer;
}

export type FaultAnswer =
  | { kind: "status"; status: number; retryAfter: string | undefined }
  /** The connection is closed without an answer; with `reset`, by a TCP reset. */
  | { kind: "close"; reset: boolean }
  /** Nothing is ever answered; the connection stays open. */
  | { kind: "silence" }
  /** The right answer, of which half the body is sent before the connection is closed. */
  | { kind: "half-body" }
  | { kind: "html"; status: number }
  | { kind: "success-false" }
  | { kind: "redirect" }
  /** The right answer with the other `mode`. */
  | { kind: "wrong-mode" }
  /** The right answer, so many ms late. */
  | { kind: "slow"; ms: number }
  /** The right answer; then nobody listens for so many ms. Open connections are ended by their next answer. */
  | { kind: "refuse"; ms: number };

/** One line a kind, for help texts and errors. */
export const FAULT_KINDS: readonly string[] = [
  "<status>, e.g. 429, 500, 503 (not applied)",
  "<status>-retry-after:<seconds>, e.g. 429-retry-after:2 (not applied)",
  "<status>-after-apply, e.g. 503-after-apply",
  "close-before-apply, close-after-apply",
  "reset-before-apply, reset-after-apply",
  "hang, hang-after-apply",
  "apply-late:<ms> (nothing is answered)",
  "half-body (applied)",
  "html, html-after-apply (200 with a page instead of JSON)",
  "404-html (a page that is not the API's)",
  "success-false, success-false-after-apply",
  "redirect, wrong-mode",
  "slow:<ms>",
  "refuse:<ms> (after this answer, no connection is accepted for so long)",
];

/** What `faultRate` draws from: every quick way in which the outcome is clear, and every one in which it is not. */
export const DEFAULT_FAULT_MIX: readonly FaultKind[] = [
  "429",
  "429-retry-after:1",
  "503-retry-after:1",
  "408",
  "500",
  "502",
  "503",
  "504",
  "503-after-apply",
  "500-after-apply",
  "close-before-apply",
  "close-after-apply",
  "half-body",
  "html",
  "html-after-apply",
  "success-false",
];

/** The fault of that name; undefined when there is none. */
export function parseFault(kind: FaultKind): Fault | undefined {
  const [name, argument] = splitArgument(kind);
  const fault = (apply: Fault["apply"], answer: FaultAnswer): Fault => ({ kind, apply, answer });
  if (argument === undefined) {
    switch (name) {
      case "close-before-apply":
        return fault("never", { kind: "close", reset: false });
      case "close-after-apply":
        return fault("normal", { kind: "close", reset: false });
      case "reset-before-apply":
        return fault("never", { kind: "close", reset: true });
      case "reset-after-apply":
        return fault("normal", { kind: "close", reset: true });
      case "hang":
        return fault("never", { kind: "silence" });
      case "hang-after-apply":
        return fault("normal", { kind: "silence" });
      case "half-body":
        return fault("normal", { kind: "half-body" });
      case "html":
        return fault("never", { kind: "html", status: 200 });
      case "html-after-apply":
        return fault("normal", { kind: "html", status: 200 });
      case "404-html":
        return fault("never", { kind: "html", status: 404 });
      case "success-false":
        return fault("never", { kind: "success-false" });
      case "success-false-after-apply":
        return fault("normal", { kind: "success-false" });
      case "redirect":
        return fault("never", { kind: "redirect" });
      case "wrong-mode":
        return fault("normal", { kind: "wrong-mode" });
      case "refuse":
        return fault("normal", { kind: "refuse", ms: 1000 });
      default:
        return parseStatusFault(kind);
    }
  }
  const number = /^\d+$/.test(argument) ? Number(argument) : undefined;
  if (number === undefined) return undefined;
  switch (name) {
    case "apply-late":
      return fault(number, { kind: "silence" });
    case "slow":
      return fault("normal", { kind: "slow", ms: number });
    case "refuse":
      return fault("normal", { kind: "refuse", ms: number });
    default:
      return parseStatusFault(kind);
  }
}

function parseStatusFault(kind: string): Fault | undefined {
  const match = /^([45]\d\d)(?:-retry-after:(\d+))?(-after-apply)?$/.exec(kind);
  if (match === null) return undefined;
  return {
    kind,
    apply: match[3] === undefined ? "never" : "normal",
    answer: { kind: "status", status: Number(match[1]), retryAfter: match[2] },
  };
}

function splitArgument(kind: string): [string, string | undefined] {
  const colon = kind.indexOf(":");
  return colon === -1 ? [kind, undefined] : [kind.slice(0, colon), kind.slice(colon + 1)];
}
