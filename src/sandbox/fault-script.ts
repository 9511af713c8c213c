/** Which add-trace request meets which fault: by script, or by seeded chance. */
import { TraceloadError } from "../core/errors.ts";
import { DEFAULT_FAULT_MIX, type Fault, FAULT_KINDS, type FaultKind, parseFault } from "./fault.ts";

/** What is known of a request when its fault is chosen; IDs only if the body is in order. */
export interface RequestFacts {
  /** Which add-trace request this is, from 1; those that the rate limit refused are not counted. */
  nth: number;
  traceId: string | undefined;
  spanId: string | undefined;
}

/** A fault, and the requests that meet it: those for which all that is given holds. */
export interface FaultRule {
  fault: FaultKind;
  /** A request's number, or the first and last of a range. */
  nth?: number | readonly [number, number];
  traceId?: string;
  spanId?: string;
  matches?: (request: RequestFacts) => boolean;
  /** How many requests meet it before it is used up; default 1, with a range all of it. */
  times?: number;
}

export interface FaultChance {
  rate: number;
  kinds: readonly FaultKind[] | undefined;
  random: () => number;
}

interface LiveRule {
  rule: FaultRule;
  fault: Fault;
  left: number;
}

export class FaultScript {
  readonly #chance: { rate: number; faults: Fault[]; random: () => number } | undefined;
  #rules: LiveRule[] = [];

  constructor(rules: readonly FaultRule[], chance: FaultChance) {
    this.add(rules);
    this.#chance =
      chance.rate > 0
        ? {
            rate: chance.rate,
            faults: (chance.kinds ?? DEFAULT_FAULT_MIX).map(faultNamed),
            random: chance.random,
          }
        : undefined;
  }

  /** Adds rules after those that stand; the first that fits is taken. */
  add(rules: readonly FaultRule[]): void {
    this.#rules.push(
      ...rules.map((rule) => ({
        rule,
        fault: faultNamed(rule.fault),
        left: rule.times ?? (typeof rule.nth === "object" ? Infinity : 1),
      })),
    );
  }

  clear(): void {
    this.#rules = [];
  }

  /** Whether any rule depends on what is in the body. */
  get looksAtIds(): boolean {
    return this.#rules.length > 0;
  }

  choose(request: RequestFacts): Fault | undefined {
    if (this.#rules.length > 0) {
      const live = this.#rules.find(({ rule }) => fits(rule, request));
      if (live !== undefined) {
        live.left--;
        if (live.left <= 0) this.#rules = this.#rules.filter((other) => other !== live);
        return live.fault;
      }
    }
    if (this.#chance === undefined || this.#chance.random() >= this.#chance.rate) return undefined;
    const { faults, random } = this.#chance;
    return faults[Math.floor(random() * faults.length)];
  }
}

/** The fault of that name, or `wrong_usage`. */
export function faultNamed(kind: FaultKind): Fault {
  const fault = parseFault(kind);
  if (fault !== undefined) return fault;
  throw new TraceloadError("wrong_usage", `"${kind}" is not a fault the sandbox knows`, {
    next: `Faults are:\n${FAULT_KINDS.map((line) => `  ${line}`).join("\n")}`,
  });
}

function fits(rule: FaultRule, request: RequestFacts): boolean {
  if (typeof rule.nth === "number" && rule.nth !== request.nth) return false;
  if (typeof rule.nth === "object" && (request.nth < rule.nth[0] || request.nth > rule.nth[1])) return false;
  if (rule.traceId !== undefined && rule.traceId !== request.traceId) return false;
  if (rule.spanId !== undefined && rule.spanId !== request.spanId) return false;
  return rule.matches === undefined || rule.matches(request);
}
