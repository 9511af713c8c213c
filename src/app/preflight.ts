/** One cheap question before anything is opened or sent: are the address, the key and the dataset group good? */
import type { Api } from "../core/api.ts";
import type { Clock } from "../core/clock.ts";
import { TraceloadError } from "../core/errors.ts";

export interface PreflightOptions {
  api: Pick<Api, "listDatasets">;
  clock: Clock;
  baseUrl: string;
  /** undefined: rows name their groups themselves; only the key is checked. */
  datasetGroupId: number | undefined;
}

/** Attempts at a server that answers, but not well. An address that does not answer at all is asked once. */
const MAX_ATTEMPTS = 3;
const RETRY_MS = 500;
/** A server that asks for a longer pause than this is as good as not there now. */
const LONGEST_PAUSE_MS = 5_000;

/**
 * Resolves with warnings. Throws `unauthorized`, `wrong_endpoint`, `api_unreachable` or `dataset_group_not_found`.
 * Sends GETs only, and is safe to repeat.
 */
export async function preflight(options: PreflightOptions, signal: AbortSignal): Promise<string[]> {
  const { api, clock, baseUrl, datasetGroupId } = options;
  const next = "traceload doctor";
  for (let attempt = 1; ; attempt += 1) {
    const answer = await api.listDatasets(datasetGroupId, { signal });
    if (answer.ok) {
      if (datasetGroupId === undefined || answer.value.length > 0) return [];
      throw new TraceloadError(
        "dataset_group_not_found",
        `dataset group ${datasetGroupId} was not found at ${baseUrl} in this key's workspace`,
        { next: "check -g: it is the number in the dataset's URL" },
      );
    }
    const { kind, message } = answer;
    const retriable = kind === "server_error" || kind === "rate_limited";
    if (retriable && attempt < MAX_ATTEMPTS) {
      await clock.sleep(Math.min(answer.retryInMs ?? RETRY_MS * attempt, LONGEST_PAUSE_MS), signal);
      continue;
    }
    switch (kind) {
      case "unauthorized":
        throw new TraceloadError("unauthorized", `${baseUrl} refused the API key: ${message}`, {
          next: "export PROMPTLAYER_API_KEY=…   (a key of the workspace that the traces are in)",
        });
      case "forbidden":
      case "rejected":
      case "conflict":
        // A key may be allowed to add rows and not to list datasets.
        return [`datasets cannot be listed with this key (${message}); drafts are found out by sending`];
      case "not_found":
      case "wrong_endpoint":
        throw new TraceloadError(
          "wrong_endpoint",
          `${baseUrl} does not answer like PromptLayer's API: ${message}`,
          {
            next: "check --base-url (default: https://api.promptlayer.com) and HTTPS_PROXY",
          },
        );
      case "rate_limited":
      case "server_error":
      case "unreachable":
        throw new TraceloadError("api_unreachable", `${baseUrl}: ${message}`, { next });
      default:
        kind satisfies never;
    }
  }
}
