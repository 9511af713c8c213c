/** What one attempt to add a row ended in, and the signal from the transport that it is judged by. */

export type AddMode = "trace" | "span";

export type UnknownReason =
  "timeout" | "connection_lost" | "server_error" | "unreadable_answer" | "worker_lost";

export type HaltCode = "unauthorized" | "forbidden" | "wrong_endpoint";

export type Outcome =
  | { kind: "added"; draftDatasetId: number; mode: AddMode; httpStatus: number; warning: string | undefined }
  /** The server said no, for good. */
  | { kind: "rejected"; code: string; message: string; httpStatus: number }
  /** Surely not applied: no header left. Retry freely, with backoff. */
  | { kind: "not-sent"; cause: string }
  /**
   * Surely not applied: the server put it off. `everybody` (429, 503 with Retry-After) slows all senders down and
   * uses no attempt; without it (408, 425) it is retried like not-sent.
   */
  | {
      kind: "refused";
      httpStatus: number;
      everybody: boolean;
      retryInMs: number | undefined;
      message: string;
    }
  /** Bytes left and no answer settles what became of them. Never sent again by itself. */
  | { kind: "unknown"; reason: UnknownReason; httpStatus: number | undefined; message: string }
  /** The run's fault, not the row's: the key, its rights, or the address. Surely not applied. */
  | { kind: "halt"; code: HaltCode; httpStatus: number; message: string };

/**
 * What the transport saw. The phase is decided by whether the request's header was handed to the socket, not by the
 * error's name: a reset on a reused connection looks the same in both phases, and only one of them may be retried.
 */
export type AttemptSignal =
  | { phase: "before-header"; cause: string }
  | { phase: "after-header"; reason: "timeout" | "connection_lost"; cause: string }
  /** The status line and headers arrived. `body` is undefined when the body broke off or could not be decoded. */
  | { phase: "answered"; status: number; retryAfter: string | undefined; body: string | undefined };
