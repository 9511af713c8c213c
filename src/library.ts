/** What `import … from "traceload"` gives. Everything else in the package is its own, and may change at any time. */
export { createTraceload, type RunHandle, type RunResult, type Traceload } from "./library/traceload.ts";
export type {
  Duration,
  ImportOptions,
  PublishOptions,
  ReadingOptions,
  RerunOptions,
  ResumeOptions,
  SendingOptions,
  ServerOptions,
  TraceloadOptions,
  VerifyOptions,
} from "./library/options.ts";
export type { RunEvent } from "./library/run-events.ts";
export type { ReportRow } from "./report/columns.ts";
export { type ErrorCode, TraceloadError } from "./core/errors.ts";
