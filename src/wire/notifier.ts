/** Puts together what tells people of a run's end: the policy, and the webhook with its secret from the environment. */
import { readProxy, readWebhookSecret } from "../../config/credentials.ts";
import type { Environment } from "../../config/load.ts";
import { makeNotifier, type Notifier, type NotifierParts } from "../app/notices/notify.ts";
import { systemClock } from "../core/clock.ts";
import { TraceloadError } from "../core/errors.ts";
import type { NoticeChannel, NotifyOn, RowAllowance } from "../core/notices.ts";
import { openWebhook } from "../notify/webhook.ts";
import { proxyFor } from "./proxy.ts";
import { packageVersion } from "./version.ts";

export interface WebhookAddress {
  /** Where notices go. It may be a secret in itself, and is shown nowhere. */
  url: string;
  /** `whsec_…`; by default the one in the environment, `TRACELOAD_WEBHOOK_SECRET`. */
  secret?: string | undefined;
}

export interface NotifySettings {
  /** Default: failure, recovery and unknown. */
  on?: readonly NotifyOn[] | undefined;
  /** Invalid, rejected, failed and unprocessed rows that are let pass; default: none. */
  failed?: RowAllowance | undefined;
  /** Unknown rows that are let pass; default: none. */
  unknown?: RowAllowance | undefined;
}

/** Connects to nothing yet. Throws `config_invalid` for an address or a secret that is none, or is missing. */
export function openChannel({ url, secret }: WebhookAddress, environment: Environment): NoticeChannel {
  const signedWith = secret ?? readWebhookSecret(environment);
  if (signedWith === undefined) {
    throw new TraceloadError(
      "config_invalid",
      "TRACELOAD_WEBHOOK_SECRET, which signs notices, is not set in the worker's environment",
      { next: 'export TRACELOAD_WEBHOOK_SECRET="whsec_$(openssl rand -base64 32)"' },
    );
  }
  return openWebhook({
    url,
    secret: signedWith,
    userAgent: `traceload/${packageVersion()}`,
    proxy: proxyFor(url, readProxy(environment)),
    clock: systemClock,
  });
}

export function makeNotifierOf({
  store,
  channel,
  policy: { on = ["failure", "recovery", "unknown"], failed = {}, unknown = {} },
}: Pick<NotifierParts, "store" | "channel"> & { policy: NotifySettings }): Notifier {
  const policy = { on, failed, unknown };
  return makeNotifier({ store, channel, policy, clock: systemClock, random: Math.random });
}
