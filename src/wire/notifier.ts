/** Puts together what tells people of a run's end: the policy, and the webhook with its secret from the environment. */
import { readProxy, readWebhookSecret } from "../../config/credentials.ts";
import type { Environment } from "../../config/load.ts";
import { makeNotifier, type Notifier } from "../app/notify.ts";
import { systemClock } from "../core/clock.ts";
import { TraceloadError } from "../core/errors.ts";
import type { NotifyOn, RowAllowance } from "../core/notices.ts";
import type { Store } from "../core/store.ts";
import { openWebhook } from "../notify/webhook.ts";
import { proxyFor } from "./proxy.ts";
import { packageVersion } from "./version.ts";

export interface WebhookSettings {
  /** Where notices go. It may be a secret in itself, and is shown nowhere. */
  url: string;
  /** `whsec_…`; by default the one in the environment, `TRACELOAD_WEBHOOK_SECRET`. */
  secret?: string | undefined;
  /** Default: failure, recovery and unknown. */
  on?: readonly NotifyOn[] | undefined;
  /** Invalid, rejected, failed and unprocessed rows that are let pass; default: none. */
  failed?: RowAllowance | undefined;
  /** Unknown rows that are let pass; default: none. */
  unknown?: RowAllowance | undefined;
}

export interface OpenNotifier extends Notifier {
  close(): Promise<void>;
}

/** Connects to nothing yet. Throws `config_invalid` for an address or a secret that is none, or is missing. */
export function openNotifier(
  settings: WebhookSettings,
  { store, environment }: { store: Pick<Store, "readRows">; environment: Environment },
): OpenNotifier {
  const { url, on = ["failure", "recovery", "unknown"], failed = {}, unknown = {} } = settings;
  const secret = settings.secret ?? readWebhookSecret(environment);
  if (secret === undefined) {
    throw new TraceloadError(
      "config_invalid",
      "notices are to be sent, and TRACELOAD_WEBHOOK_SECRET, which signs them, is not set",
      { next: 'export TRACELOAD_WEBHOOK_SECRET="whsec_$(openssl rand -base64 32)"' },
    );
  }
  const channel = openWebhook({
    url,
    secret,
    userAgent: `traceload/${packageVersion()}`,
    proxy: proxyFor(url, readProxy(environment)),
    clock: systemClock,
  });
  const notifier = makeNotifier({
    store,
    channel,
    policy: { on, failed, unknown },
    clock: systemClock,
    random: Math.random,
  });
  return { ...notifier, close: () => channel.close() };
}
