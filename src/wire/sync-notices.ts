/** Tells a sync's webhooks how its ticks went: each what it was told before is remembered with the sync. */
import { createHash } from "node:crypto";
import type { Environment } from "../../config/load.ts";
import { resolveAll } from "../../config/references.ts";
import { readStoredSync } from "../../config/sync-file.ts";
import type { ParsedSync } from "../../config/sync-schema.ts";
import { errorLimit } from "../../config/units.ts";
import type { NotifyRequest } from "../app/notify.ts";
import type { EndedTick } from "../app/syncs/drive.ts";
import { readState } from "../app/syncs/state.ts";
import { ERROR_CODES, type ErrorCode, TraceloadError } from "../core/errors.ts";
import type { NoticeState } from "../core/notices.ts";
import type { Store } from "../core/store.ts";
import { openNotifier } from "./notifier.ts";

export interface SyncNoticesParts {
  store: Pick<Store, "readRows" | "getRun">;
  environment: Environment;
  onFault: (error: unknown) => void;
}

type Webhook = ParsedSync["notify"][number];

/**
 * Answers what each webhook has been told by now, to be kept; undefined: nothing is to be. What cannot be delivered is
 * a fault that ends nothing, and due again after the next tick. Rejects only for what the store does.
 */
export async function tellOfTick(
  { store, environment, onFault }: SyncNoticesParts,
  { id, record, sync }: EndedTick,
  signal: AbortSignal,
): Promise<Record<string, NoticeState> | undefined> {
  const webhooks = readStoredSync(sync.name, sync.text).notify;
  const end = webhooks.length === 0 ? undefined : await endOf(store, record);
  if (end === undefined) return undefined;
  const before = readState(sync).told ?? {};
  // Only those that there are now.
  const told: Record<string, NoticeState> = {};
  for (const webhook of webhooks) {
    // As it stands in the file: what it holds of the environment is not written anywhere.
    const key = createHash("sha256").update(webhook.url).digest("hex").slice(0, 16);
    const noticeId = createHash("sha256")
      .update(`${sync.name} ${id} ${webhook.url}`)
      .digest("hex")
      .slice(0, 32);
    const request = { id: `msg_${noticeId}`, subject: sync.name, previous: before[key], end };
    try {
      const notifier = openNotifier(settingsOf(webhook, environment), { store, environment });
      try {
        const { state, delivery } = await notifier.notify(request, signal);
        if (state !== undefined) told[key] = state;
        if (delivery.kind === "failed") onFault(undelivered(sync.name, delivery.reason));
      } finally {
        await notifier.close();
      }
    } catch (error) {
      if (!(error instanceof TraceloadError) || error.code !== "config_invalid") throw error;
      onFault(undelivered(sync.name, error.message));
      if (before[key] !== undefined) told[key] = before[key];
    }
  }
  return told;
}

/** Undefined: of a tick whose run is not there any more, or that did not end, nothing is said. */
async function endOf(
  store: Pick<Store, "getRun">,
  { result, runId, error }: EndedTick["record"],
): Promise<NotifyRequest["end"] | undefined> {
  if (result === "empty") return { empty: true };
  if (result === "failed") return { fault: isErrorCode(error?.code) ? error.code : "bug" };
  const run = runId === undefined ? undefined : await store.getRun(runId);
  return run === undefined ? undefined : { run };
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(ERROR_CODES, code);
}

/** Throws `config_invalid` when a variable that it names is missing here. */
function settingsOf(webhook: Webhook, environment: Environment): Parameters<typeof openNotifier>[0] {
  const { value, missing } = resolveAll({ url: webhook.url, secret: webhook.secret }, environment);
  const [first] = missing;
  if (first !== undefined) {
    throw new TraceloadError("config_invalid", `${first} is not set in this environment`);
  }
  const { url, secret } = value as Pick<Webhook, "url" | "secret">;
  const { on, threshold } = webhook;
  const allowed = threshold === undefined ? undefined : errorLimit.parse(String(threshold));
  return { url, secret, on, failed: allowed, unknown: allowed };
}

function undelivered(sync: string, reason: string): TraceloadError {
  return new TraceloadError("config_invalid", `sync ${sync}: a notice could not be delivered: ${reason}`);
}
