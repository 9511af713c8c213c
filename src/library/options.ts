/** What the library's functions are given: the settings of the command line, as a program would write them. */

/** `"60s"`, `"2m"`, or milliseconds. */
export type Duration = string | number;

/** How rows are sent. Defaults are those of the command line. */
export interface SendingOptions {
  /** `"20/s"`, `"600/m"`, `"auto"`, `"unlimited"`, or a number of requests a second. */
  rate?: string | number;
  timeout?: Duration;
  horizon?: Duration;
  maxAttempts?: number;
  /** So many bad rows, or a share such as `"5%"`, stop the run. */
  maxErrors?: number | string;
  grace?: Duration;
  onUnknown?: "verify" | "hold" | "retry";
  onDraftChange?: "continue" | "pause" | "stop";
  publish?: "never" | "if-clean" | "always";
  publishWait?: Duration;
  retryBase?: Duration;
  retryCap?: Duration;
  /** Where reports go, one directory a run. Unless it is given, no report is written. */
  reportDir?: string;
}

/** Which records are read, and what of them becomes a row. */
export interface ReadingOptions {
  /** The dataset group of rows that name none. */
  datasetGroup?: number;
  format?: string;
  traceColumn?: string | number;
  spanColumn?: string | number;
  groupColumn?: string | number;
  unit?: "auto" | "trace" | "span";
  rootOnly?: boolean;
  padIds?: boolean;
  skip?: number;
  limit?: number;
  /** Nothing to read is no error. */
  allowEmpty?: boolean;
}

export interface TraceloadOptions extends SendingOptions {
  /** Not needed with `sandbox`. */
  apiKey?: string;
  baseUrl?: string;
  /** `pglite:DIRECTORY`, `redis://…`; default: `pglite:.traceload` in the working directory. */
  store?: string;
  /** Send to a sandbox started inside: no key, no network. */
  sandbox?: boolean;
  sandboxRecord?: string;
  /** Requests in flight, at most. */
  concurrency?: number;
  sendWindow?: Duration;
  leaseTtl?: Duration;
  lockTime?: Duration;
  stalledCheck?: Duration;
  sweepInterval?: Duration;
  retention?: Duration;
  /** Variables to read settings, the key and the proxy from, such as `process.env`. Unless given, none is read. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** A file of settings to read. Unless given, none is read. */
  configFile?: string;
  /** Told of faults that end nothing: lost connections, lost locks. */
  onFault?: (error: unknown) => void;
}

export interface ImportOptions extends SendingOptions, ReadingOptions {
  /** Names the run: 1 to 64 of `A-Z a-z 0-9 _ -`. */
  runId?: string;
  /** Send what earlier runs added once more: what is in the draft will be there twice. */
  force?: boolean;
  /** Start a new run, also where an earlier one of the same rows could be carried on. */
  fresh?: boolean;
  acceptChangedSource?: boolean;
  signal?: AbortSignal;
}

export interface RerunOptions extends SendingOptions {
  /** Default: rejected, failed and unprocessed. `unknown` rows may be in the draft twice after that. */
  only?: readonly ("rejected" | "failed" | "unprocessed" | "unknown")[];
  /** Only rows with this error code. */
  code?: string;
  /** Only rows whose error text holds this. */
  match?: string;
  /** Most rows to take. */
  limit?: number;
  runId?: string;
  signal?: AbortSignal;
}

export interface VerifyOptions {
  /** Wait until nothing can arrive any more; default: true. */
  wait?: boolean;
  reportDir?: string;
  signal?: AbortSignal;
}
