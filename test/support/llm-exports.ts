/** Small exports of the systems that people watch models with, and of Kibana, made by hand after their formats. */
import { A, B, S1, S2, S3, type ExportExample } from "./exports.ts";

const PAIRS = [`${A}/${S1}`, `${A}/${S2}`, `${B}/${S3}`];
const ROOTS = [`${A}/${S1}`, `${B}/${S3}`];
const lines = (...documents: unknown[]): string =>
  documents.map((one) => `${JSON.stringify(one)}\n`).join("");
const csv = (...rows: (string | null)[][]): string =>
  rows.map((row) => `${row.map((cell) => JSON.stringify(cell ?? "")).join(",")}\n`).join("");

const tableTrace = (id: string) => ({
  id,
  timestamp: "2026-01-01T00:00:00.000Z",
  name: "chat",
  userId: null,
  sessionId: B,
  bookmarked: false,
  public: false,
  observationCount: 2,
});
const observation = (id: string, traceId: string, parentObservationId: string | null) => ({
  id,
  traceId,
  type: "GENERATION",
  startTime: "2026-01-01T00:00:00.000Z",
  parentObservationId,
  completionStartTime: null,
});
const OBSERVATIONS = [observation(S1, A, null), observation(S2, A, S1), observation(S3, B, null)];

const flatSpan = (span: string, trace: string, parent: string | null) => ({
  name: "llm",
  span_kind: "LLM",
  parent_id: parent,
  "context.span_id": span,
  "context.trace_id": trace,
});
const FLAT_SPANS = [flatSpan(S1, A, null), flatSpan(S2, A, S1), flatSpan(S3, B, null)];
const restSpan = (span: string, trace: string, parent: string | null) => ({
  id: "U3BhbjoxMg==",
  span_kind: "LLM",
  parent_id: parent,
  context: { trace_id: trace, span_id: span },
});
const REST_SPANS = [restSpan(S1, A, null), restSpan(S2, A, S1), restSpan(S3, B, null)];

export const LLM_EXPORTS: readonly ExportExample[] = [
  {
    format: "langfuse",
    what: "a page of traces, one with its observations",
    document: {
      data: [
        { id: A, timestamp: "2026-01-01", htmlPath: "/p", observations: [S1, S2], scores: [] },
        { id: B, timestamp: "2026-01-01", htmlPath: "/p", observations: [] },
      ],
      meta: { page: 1, limit: 2, totalItems: 5, totalPages: 3 },
    },
    pairs: [`${A}/${S1}`, `${A}/${S2}`, `${B}/`],
    warnings: ["it holds 2 of 5 records"],
  },
  {
    format: "langfuse",
    what: "a page of observations",
    document: { data: OBSERVATIONS, meta: { cursor: "c" } },
    pairs: PAIRS,
    roots: ROOTS,
    warnings: ["it is one page of several: meta.cursor leads to the next; it holds 3 records"],
  },
  {
    format: "langfuse-traces",
    what: "the table as JSON, in which id is the trace's",
    document: [tableTrace(A), tableTrace(B)],
    pairs: [`${A}/`, `${B}/`],
  },
  {
    format: "langfuse-observations",
    what: "the table as CSV, in which id is the span's",
    document: csv(Object.keys(observation("", "", "")), ...OBSERVATIONS.map((one) => Object.values(one))),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "langfuse-observations",
    what: "the table as JSON",
    document: OBSERVATIONS,
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "langfuse-observations",
    what: "an object a line, as it is written to a bucket",
    document: lines(
      ...OBSERVATIONS.map(({ id, traceId, parentObservationId }) => ({
        id,
        trace_id: traceId,
        project_id: "p",
        parent_observation_id: parentObservationId,
      })),
    ),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "phoenix",
    what: "a DataFrame as an object a line",
    document: lines(...FLAT_SPANS),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "phoenix",
    what: "a DataFrame as CSV, its index first",
    document: csv(
      ["context.span_id", "name", "span_kind", "parent_id", "context.trace_id", "attributes.llm.token_count"],
      ...FLAT_SPANS.map((one) => [
        one["context.span_id"],
        "llm",
        "LLM",
        one.parent_id,
        one["context.trace_id"],
        "1.07E+18",
      ]),
    ),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "phoenix",
    what: "spans of the API as a bare array",
    document: REST_SPANS,
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "phoenix-api",
    what: "a page of spans",
    document: { data: REST_SPANS, next_cursor: "U3BhbjoxMw==" },
    pairs: PAIRS,
    roots: ROOTS,
    warnings: ["it is one page of several: next_cursor leads to the next; it holds 3 records"],
  },
  {
    format: "phoenix-api",
    what: "the last page of spans as OTLP has them",
    document: {
      data: REST_SPANS.map(({ context, parent_id }) => ({
        trace_id: context.trace_id,
        span_id: context.span_id,
        parent_span_id: parent_id,
        attributes: [{ key: "k", value: {} }],
      })),
      next_cursor: null,
    },
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "phoenix-api",
    what: "a page of traces",
    document: {
      data: [
        { id: "VHJhY2U6MQ==", trace_id: A, project_id: "UHJvamVjdDox" },
        { id: "VHJhY2U6Mg==", trace_id: B, project_id: "UHJvamVjdDox" },
      ],
      next_cursor: null,
    },
    pairs: [`${A}/`, `${B}/`],
  },
  {
    format: "promptlayer-trace",
    what: "traces, one of them with its ID behind its spans",
    document: lines(
      {
        success: true,
        trace_id: A,
        spans: [
          { id: 1, span_id: S1, parent_id: null, request_log_id: 12 },
          { id: 2, span_id: S2, parent_id: S1, request_log_id: null },
        ],
      },
      { spans: [{ id: 3, span_id: S3, parent_id: null }], success: true, trace_id: B },
    ),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "promptlayer-requests",
    what: "a page of requests",
    document: {
      success: true,
      items: [
        { request_id: 1, trace_id: A, span_id: S1 },
        { request_id: 2, trace_id: A, span_id: S2 },
        { request_id: 3, trace_id: B, span_id: S3 },
      ],
      page: 1,
      pages: 9,
      per_page: 3,
      total: 25,
      has_next: true,
      has_prev: false,
      next_num: 2,
    },
    pairs: PAIRS,
    warnings: ["it is one page of several, as has_next says; it holds 3 of 25 records"],
  },
  {
    format: "kibana",
    what: "documents, a transaction among them",
    document: csv(
      ["@timestamp", "trace.id", "transaction.id", "span.id", "parent.id", "message"],
      ["Jan 1, 2026 @ 00:00:00.000", A, S1, "-", "-", "a transaction"],
      ["Jan 1, 2026 @ 00:00:00.001", A, S1, S2, S1, "a span"],
      ["Jan 1, 2026 @ 00:00:00.002", B, S3, "", "", "another"],
    ),
    pairs: PAIRS,
    roots: ROOTS,
  },
];
