/** An API that answers from a script, and remembers what it was asked. */
import type {
  AddTraceOptions,
  Api,
  ApiAnswer,
  ApiFailureKind,
  DatasetVersion,
  FoundRows,
} from "../../src/core/api.ts";
import type { AttemptSignal } from "../../src/core/outcome.ts";
import type { Row } from "../../src/core/row.ts";

type Reply<T> = T | Promise<T>;

export interface ScriptedApi extends Api {
  readonly calls: string[];
  /** Rows of the POSTs whose header left. */
  readonly sent: Row[];
  /** What a POST is answered; `201` by default. It is asked only when the guard let the header out. */
  onAddTrace: (row: Row, options: AddTraceOptions) => Reply<AttemptSignal>;
  onListDatasets: (datasetGroupId: number | undefined) => Reply<ApiAnswer<DatasetVersion[]>>;
  onCreateDraft: (request: {
    datasetGroupId: number;
    sourceDatasetId: number | undefined;
  }) => Reply<ApiAnswer<{ draftDatasetId: number }>>;
  onSaveDraft: (datasetGroupId: number) => Reply<ApiAnswer<{ draftDatasetId: number }>>;
  onCountRows: (datasetId: number) => Reply<ApiAnswer<number>>;
  onFindRows: (datasetId: number, text: string) => Reply<ApiAnswer<FoundRows>>;
  onGetTrace: (traceId: string) => Reply<ApiAnswer<{ spanIds: string[] }>>;
}

export const DRAFT_ID = 501;

export function scriptedApi(): ScriptedApi {
  const calls: string[] = [];
  const sent: Row[] = [];
  const api: ScriptedApi = {
    calls,
    sent,
    onAddTrace: (row) => added(row),
    onListDatasets: (group) => ok([{ id: DRAFT_ID, datasetGroupId: group ?? 42, versionNumber: -1 }]),
    onCreateDraft: () => failure("server_error"),
    onSaveDraft: () => ok({ draftDatasetId: DRAFT_ID }, 202),
    onCountRows: () => ok(0),
    onGetTrace: () => ok({ spanIds: [] }),
    onFindRows: () => ok({ columns: [], rows: [], complete: true }),
    addTrace: async (row, options) => {
      calls.push(`add ${row.traceId}`);
      if (options.signal?.aborted === true) return { phase: "before-header", cause: "given up" };
      if (!options.mayStillSend()) return { phase: "before-header", cause: "the send window had passed" };
      const reply = api.onAddTrace(row, options);
      sent.push(row);
      return reply;
    },
    listDatasets: async (group) => {
      calls.push(`list ${group}`);
      return api.onListDatasets(group);
    },
    createDraft: async (request) => {
      calls.push(`create ${request.datasetGroupId} from ${request.sourceDatasetId}`);
      return api.onCreateDraft(request);
    },
    saveDraft: async (group) => {
      calls.push(`save ${group}`);
      return api.onSaveDraft(group);
    },
    countRows: async (dataset) => {
      calls.push(`count ${dataset}`);
      return api.onCountRows(dataset);
    },
    findRows: async (dataset, text) => {
      calls.push(`find ${text} in ${dataset}`);
      return api.onFindRows(dataset, text);
    },
    getTrace: async (traceId) => {
      calls.push(`get ${traceId}`);
      return api.onGetTrace(traceId);
    },
    close: async () => undefined,
  };
  return api;
}

export function ok<T>(value: T, status = 200): ApiAnswer<T> {
  return { ok: true, status, value };
}

export function failure(kind: ApiFailureKind, retryInMs?: number): ApiAnswer<never> {
  return { ok: false, kind, status: undefined, message: `scripted ${kind}`, retryInMs };
}

export function answered(status: number, body: unknown, retryAfter?: string): AttemptSignal {
  return { phase: "answered", status, retryAfter, body: JSON.stringify(body) };
}

export function added(row: Pick<Row, "spanId">, draftDatasetId = DRAFT_ID): AttemptSignal {
  const mode = row.spanId === undefined ? "trace" : "span";
  return answered(201, { success: true, draft_dataset_id: draftDatasetId, mode });
}
