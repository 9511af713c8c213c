/** Tells people of a run's end, if that is called for: one notice a change of state, delivered or tried again next time. */
import type { Clock } from "../../core/clock.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type {
  Notice,
  NoticeChannel,
  NoticeDelivery,
  NoticeKind,
  NoticeRun,
  NoticeStanding,
  NotifyPolicy,
} from "../../core/notices.ts";
import { rowsRead } from "../../core/status.ts";
import type { Run, Store } from "../../core/store.ts";
import { decideNotice, type NoticeSubject } from "./decision.ts";

export interface NotifierParts {
  store: Pick<Store, "readRows">;
  channel: NoticeChannel;
  policy: NotifyPolicy;
  clock: Clock;
  /** 0 to 1. */
  random: () => number;
}

export interface NotifyRequest {
  /** Names the notice: whoever may say it twice gives it the same one. */
  id: string;
  /** The sync's name: what the notice is about. */
  subject: string;
  /** The `standing` that was answered the last time; undefined: never yet. */
  previous: NoticeStanding | undefined;
  /** The run that ended; or for which fault of the catalogue none came about; or that there was nothing to read. */
  end:
    | { run: Run; pending?: number; carried?: number; isStuck?: boolean }
    | { fault: ErrorCode }
    | { empty: true; carried?: number };
}

export interface Notified {
  /** To be kept, and handed in the next time: a notice that could not be delivered is due again then. */
  standing: NoticeStanding;
  /** `none`: nothing was to be said. `failed`: it could not be delivered, for this reason. */
  delivery:
    | { kind: "none" }
    | { kind: "delivered"; notice: NoticeKind }
    | { kind: "failed"; notice: NoticeKind; reason: string };
}

export interface Notifier {
  /** Never rejects for what the network or the receiver does, nor for an abort; takes a minute and a little at most. */
  notify(request: NotifyRequest, signal: AbortSignal): Promise<Notified>;
}

const MAX_ATTEMPTS = 6;
const FIRST_PAUSE_MS = 1_000;
/** From the first attempt to the last one's beginning. */
const PATIENCE_MS = 60_000;
const EXAMPLES = 5;
const MAX_CODES = 10;
const SAMPLED_ROWS = 1_000;
const MAX_ID_LENGTH = 200;

export function makeNotifier({ store, channel, policy, clock, random }: NotifierParts): Notifier {
  const deliver = async (notice: Notice, signal: AbortSignal): Promise<NoticeDelivery> => {
    const since = clock.monotonicMs();
    for (let attempt = 1; ; attempt += 1) {
      const delivery = await channel.send(notice, signal);
      if (delivery.kind !== "try-again" || attempt >= MAX_ATTEMPTS) return delivery;
      const backoffMs = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + random() / 2);
      const pauseMs = Math.max(backoffMs, delivery.retryInMs ?? 0);
      if (clock.monotonicMs() - since + pauseMs > PATIENCE_MS) return delivery;
      await clock.sleep(pauseMs, signal);
    }
  };

  return {
    notify: async ({ id, subject, previous, end }, signal) => {
      const judged = judgedAs(end);
      const { notice, standing } = decideNotice(previous, judged, policy);
      if (notice === undefined) return { standing, delivery: { kind: "none" } };
      const run = "run" in end ? await noticeRun(store, end.run) : undefined;
      const at = ("run" in end ? end.run.finishedAt : undefined) ?? clock.wallMs();
      const next = [
        run === undefined ? `traceload sync history ${subject}` : `traceload report ${run.runId}`,
      ];
      const delivery = await deliver({ id, at, subject, run, next, ...notice }, signal).catch(
        (error: unknown): NoticeDelivery => {
          if (!signal.aborted) throw error;
          return { kind: "refused", reason: "told to stop before it was delivered" };
        },
      );
      const { kind } = notice;
      if (delivery.kind === "delivered") return { standing, delivery: { kind: "delivered", notice: kind } };
      const { reason } = delivery;
      const undelivered = { kind, at: clock.wallMs(), reason };
      // People still take it for failing: that it is well again is due as long as that holds.
      const untold = kind === "recovery" ? { state: notice.before, isOverWhenRead: true } : standing;
      return { standing: { ...untold, undelivered }, delivery: { kind: "failed", notice: kind, reason } };
    },
  };
}

function judgedAs(end: NotifyRequest["end"]): NoticeSubject {
  if ("run" in end) return { kind: "run", ...end };
  return "fault" in end ? { kind: "fault", code: end.fault } : { kind: "empty", ...end };
}

/** Of a run what may leave the house. Rows that could not be read are counted only: their cells may hold anything. */
async function noticeRun(store: Pick<Store, "readRows">, run: Run): Promise<NoticeRun> {
  const { queued, ...counts } = run.counts;
  const page = { fromRow: 1, limit: SAMPLED_ROWS };
  const bad = await store.readRows(run.runId, { ...page, statuses: ["rejected", "failed", "unknown"] });
  const codes = new Map<string, number>();
  for (const { errorCode, status } of bad) {
    const code = errorCode ?? status;
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  return {
    runId: run.runId,
    state: run.state,
    counts: { read: rowsRead(run.counts), ...counts, unprocessed: counts.unprocessed + queued },
    errors: [...codes]
      .map(([code, count]) => ({ code, count }))
      .sort((a, b) => b.count - a.count)
      .slice(0, MAX_CODES),
    traceIds: [...new Set(bad.map(({ traceId }) => traceId.slice(0, MAX_ID_LENGTH)))].slice(0, EXAMPLES),
    drafts: run.verdicts.slice(0, EXAMPLES).map(({ datasetGroupId, draftDatasetId, kind, publication }) => ({
      datasetGroupId,
      draftDatasetId: draftDatasetId ?? null,
      verdict: kind,
      versionNumber: publication?.versionNumber ?? null,
    })),
  };
}
