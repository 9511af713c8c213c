/** Notices to people about runs that go by themselves: the words for them, and the port to whatever carries them. */
import type { ResultCounts } from "./status.ts";

/** What of a run's end calls for a notice. */
export const NOTIFY_ON = ["failure", "recovery", "unknown", "always"] as const;
export type NotifyOn = (typeof NOTIFY_ON)[number];

/** So many rows are let pass: a number, or a share of the rows read. Neither: none. */
export interface RowAllowance {
  rows?: number | undefined;
  percent?: number | undefined;
}

export interface NotifyPolicy {
  on: readonly NotifyOn[];
  /** More invalid, rejected, failed and unprocessed rows than this are a failure. */
  failed: RowAllowance;
  /** More unknown rows than this are a state of their own. */
  unknown: RowAllowance;
}

/** How things stand, as far as notices go. A sync that nobody was told of is `good`. */
export const NOTICE_STATES = ["good", "failing", "unknown"] as const;
export type NoticeState = (typeof NOTICE_STATES)[number];

export const NOTICE_KINDS = ["failure", "recovery", "unknown", "success"] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** What is kept between two runs of what a receiver of notices knows. */
export interface NoticeStanding {
  state: NoticeState;
  /** What was wrong is over as soon as the source can be read, though it hold nothing. */
  isOverWhenRead?: boolean | undefined;
  /** The last notice was not delivered, or (without `kind`) one could not be: it is due again. */
  undelivered?: UndeliveredNotice | undefined;
}

export interface UndeliveredNotice {
  kind?: NoticeKind | undefined;
  /** Milliseconds since the epoch. */
  at: number;
  /** Holds no secret. */
  reason: string;
}

/** One notice, as it is sent. It holds nothing of a trace but its ID, and no text that the server or a file wrote. */
export interface Notice {
  /** Names the notice: the same for each attempt to deliver it. */
  id: string;
  kind: NoticeKind;
  /** When the run ended, milliseconds since the epoch. */
  at: number;
  /** The sync, or another name that the notice's receiver knows. */
  subject: string;
  before: NoticeState;
  now: NoticeState;
  /** Why, in sentences of traceload's own. */
  reasons: readonly string[];
  /** `undefined`: no run came about. */
  run: NoticeRun | undefined;
  /** What a person would type now. */
  next: readonly string[];
}

export interface NoticeRun {
  runId: string;
  state: string;
  counts: ResultCounts;
  /** The most frequent codes of rows that did not make it, among the first thousand of them. */
  errors: readonly { code: string; count: number }[];
  /** IDs of the first few traces that did not make it, or may not have. */
  traceIds: readonly string[];
  drafts: readonly {
    datasetGroupId: number;
    draftDatasetId: number | null;
    verdict: string;
    /** The version that it became; `null`: it is a draft still, or nobody knows. */
    versionNumber: number | null;
  }[];
}

/** What became of one attempt to deliver a notice. */
export type NoticeDelivery =
  | { kind: "delivered" }
  /** `reason` holds no secret, and no address beyond its host. */
  | { kind: "refused"; reason: string }
  | { kind: "try-again"; reason: string; retryInMs: number | undefined };

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** The address that notices may be posted to; undefined: it is none, or would show them to others on the way. */
export function readWebhookUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.has(url.hostname));
  return isSafe && url.username === "" && url.password === "" ? url : undefined;
}

export interface NoticeChannel {
  /** Sends the notice once. Never rejects for what the network or the receiver does. A repeat has the same id. */
  send(notice: Notice, signal: AbortSignal): Promise<NoticeDelivery>;
  close(): Promise<void>;
}
