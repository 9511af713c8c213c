/** The one class that faults are thrown as, and the catalogue of their codes. What a row ends in is never thrown. */

/** Code -> exit code of the command line. A code, once released, is never given another meaning. */
export const ERROR_CODES = {
  wrong_usage: 64,
  config_invalid: 3,
  key_missing: 3,
  unauthorized: 3,
  forbidden: 3,
  wrong_endpoint: 3,
  api_unreachable: 3,
  dataset_group_not_found: 3,
  source_not_found: 3,
  source_unreadable: 3,
  source_format: 3,
  source_columns: 3,
  source_changed: 3,
  source_refused: 3,
  source_too_large: 3,
  nothing_to_read: 3,
  store_unreachable: 3,
  store_locked: 3,
  store_schema: 3,
  store_damaged: 3,
  store_full: 3,
  report_unwritable: 3,
  run_not_found: 3,
  run_exists: 3,
  run_state: 3,
  sync_not_found: 3,
  sync_running: 3,
  bug: 5,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface TraceloadErrorOptions {
  /** Commands or steps a person would take now, one a line. */
  next?: string;
  cause?: unknown;
}

/**
 * A fault that ends what was asked for. `message` says what, where and why, in one line, with the value concerned;
 * `next` says what to type. Never holds a key or a URL's password.
 */
export class TraceloadError extends Error {
  override readonly name = "TraceloadError";
  readonly code: ErrorCode;
  readonly next: string | undefined;

  constructor(code: ErrorCode, message: string, options: TraceloadErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.next = options.next;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code];
  }
}
