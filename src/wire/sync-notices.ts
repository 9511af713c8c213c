/** Tells a sync's webhooks how its ticks went: each what it knows is remembered with the sync. */
import { createHash } from "node:crypto";
import type { Environment } from "../../config/load.ts";
import { resolveAll } from "../../config/references.ts";
import { readStoredSync } from "../../config/sync-file.ts";
import type { ParsedSync } from "../../config/sync-schema.ts";
import { errorLimit } from "../../config/units.ts";
import type { NotifyRequest } from "../app/notices/notify.ts";
import { isPending } from "../app/syncs/carry.ts";
import type { EndedTick, TickNotices } from "../app/syncs/drive.ts";
import { isOverrun } from "../app/syncs/settle.ts";
import { readCarried, readState } from "../app/syncs/state.ts";
import { ERROR_CODES, type ErrorCode, TraceloadError } from "../core/errors.ts";
import type { NoticeChannel } from "../core/notices.ts";
import type { Store } from "../core/store.ts";
import { makeNotifierOf, openChannel } from "./notifier.ts";

export interface SyncNoticesParts {
  store: Pick<Store, "readRows" | "getRun" | "readCarried">;
  environment: Environment;
}

type Webhook = ParsedSync["notify"][number];

/**
 * Answers what each webhook knows by now, to be kept; undefined: nothing is to be. What cannot be delivered is due again
 * after the next tick. Rejects for what the store does, and when told to stop before all are delivered.
 */
export async function tellOfTick(
  { store, environment }: SyncNoticesParts,
  ended: EndedTick,
  signal: AbortSignal,
): Promise<TickNotices | undefined> {
  const { id, sync } = ended;
  const webhooks = readStoredSync(sync.name, sync.text).notify;
  const end = webhooks.length === 0 ? undefined : await endOf(store, ended);
  if (end === undefined) return undefined;
  const before = readState(sync).told ?? {};
  // Only those that there are now.
  const { told, notices }: TickNotices = { told: {}, notices: [] };
  for (const webhook of webhooks) {
    // As it stands in the file: what it holds of the environment is not written anywhere.
    const key = createHash("sha256").update(webhook.url).digest("hex").slice(0, 16);
    const noticeId = createHash("sha256")
      .update(`${sync.name} ${id} ${webhook.url}`)
      .digest("hex")
      .slice(0, 32);
    const request = { id: `msg_${noticeId}`, subject: sync.name, previous: before[key], end };
    const { channel, fault } = channelOf(webhook, environment);
    try {
      const notifier = makeNotifierOf({ store, channel, policy: policyOf(webhook) });
      const { standing, delivery } = await notifier.notify(request, signal);
      if (delivery.kind === "failed") signal.throwIfAborted();
      told[key] = standing;
      if (fault !== undefined) standing.undelivered ??= { at: Date.now(), reason: fault };
      if (delivery.kind === "none") continue;
      const undelivered = delivery.kind === "failed" ? { undelivered: delivery.reason } : {};
      notices.push({ kind: delivery.notice, ...undelivered });
    } finally {
      await channel.close();
    }
  }
  return { told, notices };
}

/** Undefined: of a tick whose run is not there any more, or that did not end, nothing is said. */
async function endOf(
  store: Pick<Store, "getRun" | "readCarried">,
  { sync, record, after }: EndedTick,
): Promise<NotifyRequest["end"] | undefined> {
  const { result, runId, error } = record;
  if (result === "failed") return { fault: isErrorCode(error?.code) ? error.code : "bug" };
  const { rows } = readCarried(sync.name, await store.readCarried(sync.name));
  const [pending, failed] = [rows.filter(isPending), rows.filter((row) => !isPending(row))];
  if (result === "empty") return { empty: true, carried: failed.length };
  const run = runId === undefined ? undefined : await store.getRun(runId);
  if (run === undefined) return undefined;
  return {
    run,
    isStuck: isOverrun(record) && after.state === "failing",
    pending: pending.filter((row) => row.runId === runId).length,
    carried: failed.filter((row) => row.runId !== runId).length,
  };
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(ERROR_CODES, code);
}

/** `fault`: why nothing can be sent, whether something is due or not. */
function channelOf(
  webhook: Webhook,
  environment: Environment,
): { channel: NoticeChannel; fault: string | undefined } {
  try {
    return { channel: openChannel(addressOf(webhook, environment), environment), fault: undefined };
  } catch (error) {
    if (!(error instanceof TraceloadError) || error.code !== "config_invalid") throw error;
    const reason = error.message;
    const channel = {
      send: async () => ({ kind: "refused" as const, reason }),
      close: async () => undefined,
    };
    return { channel, fault: reason };
  }
}

/** Throws `config_invalid` when a variable that it names is missing here. */
function addressOf({ url, secret }: Webhook, environment: Environment): Pick<Webhook, "url" | "secret"> {
  const { value, missing } = resolveAll({ url, secret }, environment);
  const [first] = missing;
  if (first !== undefined) {
    throw new TraceloadError("config_invalid", `${first} is not set in the worker's environment`);
  }
  return value as Pick<Webhook, "url" | "secret">;
}

function policyOf({ on, threshold }: Webhook): Parameters<typeof makeNotifierOf>[0]["policy"] {
  const allowed = threshold === undefined ? undefined : errorLimit.parse(String(threshold));
  return { on, failed: allowed, unknown: allowed };
}

/** For the log: what was told now, and what could not be. */
export function noticesInWords({ told, notices }: TickNotices): string[] {
  const unsendable = Object.values(told).flatMap(({ undelivered }) =>
    undelivered === undefined || undelivered.kind !== undefined
      ? []
      : `notices cannot be sent: ${undelivered.reason}`,
  );
  const sent = notices.map(({ kind, undelivered }) =>
    undelivered === undefined ? `${kind} told` : `${kind} not told: ${undelivered}`,
  );
  return [...sent, ...unsendable];
}
