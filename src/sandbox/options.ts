/** What can be set on a sandbox. The command line's notation of it is in settings.ts. */
import type { FaultRule } from "./fault-script.ts";
import type { FaultKind } from "./fault.ts";

/** The endpoints of the API that the sandbox stands in for. */
export const ENDPOINTS = [
  "list-datasets",
  "get-trace",
  "dataset-rows",
  "create-dataset-group",
  "create-draft",
  "save-draft",
  "add-trace",
] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

export interface SandboxOptions {
  /** 0, the default: a free one. */
  port?: number;
  /** Keys that are let in; default: any that is not empty. */
  keys?: readonly string[];
  /** Keys that are known but may do nothing (403). */
  forbiddenKeys?: readonly string[];
  /** Endpoints that no key may use (403): how an account without draft rights looks. */
  forbiddenEndpoints?: readonly Endpoint[];
  /**
   * Which dataset groups exist before anybody creates one; default 1 to 1000. A group comes into being, with its
   * first version, when it is first named.
   */
  groups?: (datasetGroupId: number) => boolean;
  /** Rows of such a group's published version 1; default 0. `null`: the group has no version at all. */
  seedRows?: number | null;
  /** How fast a new draft is filled from its source version; default: at once. */
  seedRowsPerSecond?: number;
  /** How long save-draft's work takes after its 202; default 50. */
  publishDelayMs?: number;
  /** Whether the cells of rows hold trace and span IDs, or text that tells nothing of them; default `ids`. */
  rows?: "ids" | "opaque";
  /** Traces that do not exist; default: every trace exists. Changed at run time by `Sandbox.setTraces`. */
  missingTrace?: (traceId: string) => boolean;
  /** Spans that are not in their trace; default: every span is in every trace. */
  missingSpan?: (traceId: string, spanId: string) => boolean;
  /** From a request's arrival until it is applied and answered; a range is drawn from evenly. */
  latencyMs?: number | readonly [number, number];
  /** Requests let through in any sliding second; those beyond get a 429. */
  rateLimitPerSecond?: number;
  /** What a 429 of the rate limit says about the time to wait; default `seconds`. */
  rateLimitRetryAfter?: "seconds" | "date" | "none";
  /** Share of add-trace requests, 0 to 1, that meet a fault drawn from `faultKinds`. */
  faultRate?: number;
  faultKinds?: readonly FaultKind[];
  /** Seed of all that is random; default 1. */
  seed?: number;
  /** Faults for chosen add-trace requests. */
  script?: readonly FaultRule[];
  /**
   * Where the record of everything applied is kept, and read from on start; default: a file of its own that goes
   * with the sandbox. Sandboxes that run at once on the same file see one truth.
   */
  recordFile?: string;
  /** How long an idle connection is kept; default 65,000. */
  keepAliveMs?: number;
  /** Milliseconds since the epoch; default the system's clock. */
  wallMs?: () => number;
}
