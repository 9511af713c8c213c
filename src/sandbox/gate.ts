/** Who may pass: the rate limit first, as a gateway would, then the key and its rights. */
import { type Answer, failure } from "./answers.ts";
import type { Endpoint } from "./options.ts";
import { RateWindow } from "./rate-window.ts";

export interface GateSettings {
  keys: readonly string[] | undefined;
  forbiddenKeys: readonly string[];
  forbiddenEndpoints: readonly Endpoint[];
  rateLimitPerSecond: number | undefined;
  rateLimitRetryAfter: "seconds" | "date" | "none";
  wallMs: () => number;
}

export class Gate {
  readonly #keys: ReadonlySet<string> | undefined;
  readonly #forbiddenKeys: ReadonlySet<string>;
  readonly #forbiddenEndpoints: ReadonlySet<string>;
  readonly #window: RateWindow | undefined;
  readonly #retryAfter: GateSettings["rateLimitRetryAfter"];
  readonly #wallMs: () => number;

  constructor(settings: GateSettings) {
    this.#keys =
      settings.keys === undefined ? undefined : new Set([...settings.keys, ...settings.forbiddenKeys]);
    this.#forbiddenKeys = new Set(settings.forbiddenKeys);
    this.#forbiddenEndpoints = new Set(settings.forbiddenEndpoints);
    this.#window =
      settings.rateLimitPerSecond === undefined ? undefined : new RateWindow(settings.rateLimitPerSecond);
    this.#retryAfter = settings.rateLimitRetryAfter;
    this.#wallMs = settings.wallMs;
  }

  /** The 429 for a request too many, or undefined: it is let through, and counted. */
  overLimit(): Answer | undefined {
    if (this.#window === undefined) return undefined;
    const waitMs = this.#window.admit(performance.now());
    if (waitMs === 0) return undefined;
    return failure(429, "Rate limit exceeded", this.#retryAfterHeader(waitMs));
  }

  /** The 401 or 403, or undefined for a key that may use the endpoint. */
  refusal(key: string | undefined, endpoint: Endpoint): Answer | undefined {
    if (key === undefined || key.trim() === "") return failure(401, "Missing API key");
    if (this.#keys !== undefined && !this.#keys.has(key)) return failure(401, "Invalid API key");
    if (this.#forbiddenKeys.has(key) || this.#forbiddenEndpoints.has(endpoint)) {
      return failure(403, "This API key does not have access to the requested resource");
    }
    return undefined;
  }

  #retryAfterHeader(waitMs: number): string[] {
    switch (this.#retryAfter) {
      case "none":
        return [];
      case "seconds":
        return ["retry-after", String(Math.ceil(waitMs / 1000))];
      case "date":
        // HTTP dates have no fractions: one second more, so that the date is never in the past.
        return ["retry-after", new Date(this.#wallMs() + waitMs + 1000).toUTCString()];
      default:
        return this.#retryAfter satisfies never;
    }
  }
}
