/** The API over HTTP: addresses, headers and bodies of the six calls. How they travel is exchange.ts's. */
import type { Api, ApiAnswer, ApiCall, DatasetVersion } from "../core/api.ts";
import type { AttemptSignal } from "../core/outcome.ts";
import type { z } from "zod";
import { createDial, proxyAuthorization } from "./dial.ts";
import { readEndpoint } from "./endpoint.ts";
import { exchange, type ExchangeRequest } from "./exchange.ts";
import { createLanes, DEFAULT_KEEP_ALIVE_MS } from "./lanes.ts";
import { readAnswer } from "./read-answer.ts";
import { createdDraft, datasetPage, foundRows, rowCount, savedDraft, traceDetail } from "./wire-shapes.ts";

export interface ApiOptions {
  /** `https://host`, with or without a path before the API's own. */
  baseUrl: string;
  apiKey: string;
  /** How many calls may run at once without opening connections anew. More calls are served, too. */
  connections: number;
  /** The HTTP proxy to use for this base URL, as HTTPS_PROXY and its like name it. */
  proxy?: string | undefined;
  userAgent: string;
  /** Further certificate authorities to trust, as PEM. */
  ca?: string | undefined;
  /** 5 s: no longer than a claimed row may wait to be sent. */
  connectTimeoutMs?: number | undefined;
  /** For each request of the reads; 30 s. */
  readTimeoutMs?: number | undefined;
  keepAliveMs?: number | undefined;
  /** Milliseconds since the epoch, for dates in `Retry-After`. */
  wallMs?: (() => number) | undefined;
}

const API = "/api/public/v2";
const PAGE_SIZE = 100;
/** Ends a listing whose page count grows as it is read. */
const MAX_PAGES = 10_000;

/**
 * Opens nothing yet. Throws `config_invalid` or `key_missing` for a URL or a key that cannot be used; no message of it
 * or of its calls holds the key.
 */
export function createApi(options: ApiOptions): Api {
  const { base, pathPrefix, apiKey, proxy } = readEndpoint(options);
  const { readTimeoutMs = 30_000, wallMs = Date.now } = options;
  const forwardingProxy = base.protocol === "http:" ? proxy : undefined;
  const lanes = createLanes({
    origin: (forwardingProxy ?? base).origin,
    dial: createDial({ base, proxy, connectTimeoutMs: options.connectTimeoutMs ?? 5000, ca: options.ca }),
    keepAliveMs: options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
    keep: options.connections,
  });
  // A forwarding proxy is given the whole URL (RFC 9112, section 3.2.2).
  const pathStart = `${forwardingProxy === undefined ? "" : base.origin}${pathPrefix}${API}`;
  const commonHeaders = [
    ["x-api-key", apiKey],
    ["user-agent", options.userAgent],
    ["accept", "application/json"],
    ["accept-encoding", "identity"],
    ...(forwardingProxy === undefined
      ? []
      : [["host", base.host], ...Object.entries(proxyAuthorization(forwardingProxy))]),
  ].flat();
  const postHeaders = [...commonHeaders, "content-type", "application/json"];
  const addTracePath = `${pathStart}/dataset-versions/add-trace`;

  const send = async (request: ExchangeRequest): Promise<AttemptSignal> => {
    const lane = lanes.take();
    if (lane === undefined) return { phase: "before-header", cause: "the client was closed" };
    return withoutKey(await exchange(lane, request), apiKey);
  };

  const read = async <T>(
    request: { path: string; body?: unknown },
    shape: z.ZodType<T>,
    call: ApiCall | undefined,
  ): Promise<ApiAnswer<T>> => {
    call?.signal?.throwIfAborted();
    const hasBody = request.body !== undefined;
    const signal = await send({
      method: hasBody ? "POST" : "GET",
      host: base.host,
      path: `${pathStart}${request.path}`,
      headers: hasBody ? postHeaders : commonHeaders,
      body: hasBody ? Buffer.from(JSON.stringify(request.body)) : null,
      timeoutMs: readTimeoutMs,
      mayStillSend: () => true,
      signal: call?.signal,
      abortable: "always",
    });
    if (signal.phase !== "answered") call?.signal?.throwIfAborted();
    return readAnswer(signal, shape, { host: base.host, nowMs: wallMs() });
  };

  return {
    addTrace: (row, attempt) =>
      send({
        method: "POST",
        host: base.host,
        path: addTracePath,
        headers: postHeaders,
        body: Buffer.from(
          JSON.stringify({
            dataset_group_id: row.datasetGroupId,
            trace_id: row.traceId,
            span_id: row.spanId,
          }),
        ),
        timeoutMs: attempt.timeoutMs,
        mayStillSend: () => attempt.mayStillSend(),
        signal: attempt.signal,
        abortable: "until-sent",
      }),

    async listDatasets(datasetGroupId, call) {
      const filter = datasetGroupId === undefined ? "" : `dataset_group_id=${datasetGroupId}&`;
      const versions = new Map<number, DatasetVersion>();
      for (let page = 1; ; page += 1) {
        const path = `/datasets?${filter}page=${page}&per_page=${PAGE_SIZE}`;
        const answer = await read({ path }, datasetPage, call);
        if (!answer.ok) return answer;
        // By id: a version made while the pages are read moves the others along, and one shows twice.
        for (const dataset of answer.value.datasets) {
          const isAskedFor = datasetGroupId === undefined || dataset.dataset_group_id === datasetGroupId;
          if (!isAskedFor || dataset.is_deleted === true) continue;
          versions.set(dataset.id, {
            id: dataset.id,
            datasetGroupId: dataset.dataset_group_id,
            versionNumber: dataset.version_number,
          });
        }
        const isLast = page >= Math.min(answer.value.pages, MAX_PAGES) || answer.value.datasets.length === 0;
        if (datasetGroupId === undefined || isLast) {
          return { ok: true, status: answer.status, value: [...versions.values()] };
        }
      }
    },

    async createDraft({ datasetGroupId, sourceDatasetId }, call) {
      const body = { dataset_group_id: datasetGroupId, source_dataset_id: sourceDatasetId };
      const answer = await read({ path: "/dataset-versions/create-draft", body }, createdDraft, call);
      return answer.ok ? { ...answer, value: { draftDatasetId: answer.value.draft_dataset_id } } : answer;
    },

    async saveDraft(datasetGroupId, call) {
      const body = { dataset_group_id: datasetGroupId };
      const answer = await read({ path: "/dataset-versions/save-draft", body }, savedDraft, call);
      return answer.ok ? { ...answer, value: { draftDatasetId: answer.value.draft_dataset_id } } : answer;
    },

    async countRows(datasetId, call) {
      const answer = await read({ path: `/datasets/${datasetId}/rows?page=1&per_page=1` }, rowCount, call);
      return answer.ok ? { ...answer, value: answer.value.total } : answer;
    },

    async findRows(datasetId, text, call) {
      const path = `/datasets/${datasetId}/rows?page=1&per_page=${PAGE_SIZE}&q=${encodeURIComponent(text)}`;
      const answer = await read({ path }, foundRows, call);
      if (!answer.ok) return answer;
      const { columns, rows, total } = answer.value;
      const texts = rows.map((row) =>
        row.map(({ value }) => (typeof value === "string" ? value : undefined)),
      );
      return { ...answer, value: { columns, rows: texts, complete: total <= rows.length } };
    },

    async getTrace(traceId, call) {
      // These would lead to another path, however they are written (https://url.spec.whatwg.org/#double-dot-path-segment).
      if (/^\.{1,2}$/.test(traceId)) {
        const message = `a trace called ${JSON.stringify(traceId)} cannot be asked for`;
        return { ok: false, kind: "rejected", status: undefined, message, retryInMs: undefined };
      }
      const path = `/traces/${encodeURIComponent(traceId)}`;
      const answer = await read({ path }, traceDetail, call);
      if (!answer.ok) return answer;
      return { ...answer, value: { spanIds: answer.value.spans.map(({ span_id }) => span_id) } };
    },

    close: () => lanes.close(),
  };
}

/** Some servers repeat what they were sent. A key too short to be a secret is let be: it may be a word of the answer. */
function withoutKey(signal: AttemptSignal, apiKey: string): AttemptSignal {
  if (signal.phase !== "answered" || signal.body === undefined || apiKey.length < 8) return signal;
  if (!signal.body.includes(apiKey)) return signal;
  return { ...signal, body: signal.body.replaceAll(apiKey, "[key]") };
}
