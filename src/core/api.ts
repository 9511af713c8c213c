/** The port to PromptLayer's API: the one write, and the few reads around it. */
import type { AttemptSignal } from "./outcome.ts";
import type { Row } from "./row.ts";

export interface AddTraceOptions {
  /**
   * Asked synchronously, immediately before the request's header is handed to the socket. `false` aborts the request
   * with the phase `before-header`: it was certainly not sent.
   */
  mayStillSend(): boolean;
  /** From the call to the last byte of the answer. */
  timeoutMs: number;
  /** Aborting before the header leaves means not sent; after it, the answer is still awaited. */
  signal?: AbortSignal;
}

/** One version of a dataset; the draft has `versionNumber` -1. */
export interface DatasetVersion {
  id: number;
  datasetGroupId: number;
  versionNumber: number;
}

/** What a search in a dataset's rows found. Cells stand in the order of the columns; what is no text is undefined. */
export interface FoundRows {
  columns: string[];
  rows: (string | undefined)[][];
  /** Whether these are all rows that match. */
  complete: boolean;
}

export type ApiFailureKind =
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "rejected"
  | "rate_limited"
  | "wrong_endpoint"
  | "server_error"
  | "unreachable";

/** Answers of the reads (and of create-draft and save-draft) are values: the caller decides what a failure means. */
export type ApiAnswer<T> =
  | { ok: true; status: number; value: T }
  | {
      ok: false;
      kind: ApiFailureKind;
      status: number | undefined;
      message: string;
      retryInMs: number | undefined;
    };

export interface ApiCall {
  /** Aborting rejects the call with the signal's reason, even if its request has left. */
  signal?: AbortSignal;
}

export interface Api {
  /**
   * `POST /api/public/v2/dataset-versions/add-trace`, once. Never retries, never follows a redirect, never throws for
   * what the network or the server does. Not repeatable: the endpoint has no idempotency key.
   */
  addTrace(row: Row, options: AddTraceOptions): Promise<AttemptSignal>;
  /**
   * `GET /api/public/v2/datasets?dataset_group_id=`, all pages. Without a group: the first page of the workspace's
   * datasets, which is enough to learn whether the key is good.
   */
  listDatasets(datasetGroupId: number | undefined, call?: ApiCall): Promise<ApiAnswer<DatasetVersion[]>>;
  /** `POST .../create-draft`. 201 and 202 are ok (the status tells which); 409 is the failure `conflict`. */
  createDraft(
    request: { datasetGroupId: number; sourceDatasetId: number | undefined },
    call?: ApiCall,
  ): Promise<ApiAnswer<{ draftDatasetId: number }>>;
  /**
   * `POST .../save-draft`: asks for the group's draft, whichever it is by then, to be published; that happens some time
   * after the answer (202), which names the draft. Without a draft it is the failure `not_found`. Not repeatable where
   * the answer is lost: the listing tells what became of the draft.
   */
  saveDraft(datasetGroupId: number, call?: ApiCall): Promise<ApiAnswer<{ draftDatasetId: number }>>;
  /** `total` of `GET /api/public/v2/datasets/{id}/rows?per_page=1`. */
  countRows(datasetId: number, call?: ApiCall): Promise<ApiAnswer<number>>;
  /**
   * `GET /api/public/v2/datasets/{id}/rows?q=`, its first page of 100. The search looks for the text anywhere in a
   * row's cells: whether a cell equals it is for the caller to see.
   */
  findRows(datasetId: number, text: string, call?: ApiCall): Promise<ApiAnswer<FoundRows>>;
  /** `GET /api/public/v2/traces/{trace_id}`: the IDs of the spans that it has. `not_found`: there is no such trace. */
  getTrace(traceId: string, call?: ApiCall): Promise<ApiAnswer<{ spanIds: string[] }>>;
  close(): Promise<void>;
}
