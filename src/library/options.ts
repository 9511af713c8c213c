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
  /** How long after its claim a request may still leave. */
  sendWindow?: Duration;
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
  /** Where IDs stand that no name tells: `"trace_id=attributes.tid"`, `"span_id=…"`, `"dataset_group_id=…"`. */
  map?: string | readonly string[];
  /** Only records that all of these hold for: `"latency_ms>500"`. */
  where?: string | readonly string[];
  unit?: "auto" | "trace" | "span";
  rootOnly?: boolean;
  padIds?: boolean;
  skip?: number;
  /** Most rows to read. */
  limit?: number;
  /** Nothing to read is no error. */
  allowEmpty?: boolean;
}

/**
 * How a server is asked for rows. In addresses and headers, `${NAME}` stands for a variable of the `environment` that
 * `createTraceload` was given.
 */
export interface ServerOptions {
  /** An https:// address or a Postgres server, beside the files or instead of them. */
  from?: string;
  /** SQL for the Postgres server; `:since` and `:until` are parameters. */
  query?: string;
  queryFile?: string;
  /** What is posted to the https:// address, with `{{since}}` and `{{until}}`. */
  body?: string;
  bodyFile?: string;
  contentType?: string;
  /** `"Authorization: Bearer ${TOKEN}"`, or several. */
  header?: string | readonly string[];
  /** A time, or an age such as `"24h"`. */
  since?: string | Date;
  /** Likewise; default: now. */
  until?: string | Date;
  /** Where an answer says how to go on, such as `"next_cursor"` or `"header:x-cursor"`. */
  pageCursor?: string;
  /** Where that goes in the next request: `"query:NAME"`, `"body:PATH"` or `"url"`. */
  pageInto?: string;
  /** `"4GiB"`, or bytes. */
  maxSourceSize?: string | number;
  sourceTimeout?: Duration;
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

export interface ImportOptions extends SendingOptions, ReadingOptions, ServerOptions {
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

/** What is not given is as the run was started with. */
export interface ResumeOptions extends SendingOptions {
  /** Carry on although a file has changed: rows go by their IDs. */
  acceptChangedSource?: boolean;
  signal?: AbortSignal;
}

export interface PublishOptions {
  /** Also where rows did not make it or are unknown, or another writer was seen. */
  force?: boolean;
  /** How long a draft may take to be published. */
  publishWait?: Duration;
  reportDir?: string;
  signal?: AbortSignal;
}

export interface VerifyOptions {
  /** Wait until nothing can arrive any more; default: true. */
  wait?: boolean;
  reportDir?: string;
  signal?: AbortSignal;
}
