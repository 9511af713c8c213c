/** Small exports of every tracing system that is known, made by hand after its format. */

export const A = "5b8aa5a2d2c872e8321cf37308d69df2";
export const B = "0f3c6e1b7a9d4e2f8b1c5d7e9a0b2c4d";
export const S1 = "051581bf3cb55c13";
export const S2 = "5fb397be34d26b51";
export const S3 = "93564f51e1abe1c2";

export interface ExportExample {
  format: string;
  what: string;
  /** JSON, or text as it is. */
  document: unknown;
  /** `trace/span` of each distinct span, in order; a trace without a span ends with the stroke. */
  pairs: string[];
  /** Undefined: the export does not say, so that all are. */
  roots?: string[];
  /** As "2 log batches". */
  passedOver?: string[];
  warnings?: string[];
}

const PAIRS = [`${A}/${S1}`, `${A}/${S2}`, `${B}/${S3}`];
const ROOTS = [`${A}/${S1}`, `${B}/${S3}`];

/** The three spans of two traces, by the names that a format gives to things; the second is a child of the first. */
function spans(trace: string, span: string, parent: string, other: object = {}): Record<string, unknown>[] {
  return [
    { ...other, [trace]: A, [span]: S1, [parent]: "" },
    { [parent]: S1, [span]: S2, [trace]: A, ...other },
    { ...other, [trace]: B, [span]: S3 },
  ];
}

const resources = (list: unknown[], scope = "scopeSpans", inner = "spans"): unknown[] => [
  { resource: { attributes: [] }, [scope]: [{ scope: {}, [inner]: list }] },
];
const otlp = spans("traceId", "spanId", "parentSpanId");
const snake = spans("trace_id", "span_id", "parent_span_id");
const base64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64");
const lines = (...documents: unknown[]): string =>
  documents.map((one) => `${JSON.stringify(one)}\n`).join("");

const jaeger = [
  { traceID: A, spanID: S1, operationName: "o", references: [] },
  {
    traceID: A,
    spanID: S2,
    operationName: "o",
    references: [{ refType: "CHILD_OF", traceID: A, spanID: S1 }],
  },
  {
    traceID: B,
    spanID: S3,
    operationName: "o",
    references: [{ refType: "FOLLOWS_FROM", traceID: A, spanID: S1 }],
  },
];
const zipkin = spans("traceId", "id", "parentId", { timestamp: 1, localEndpoint: { serviceName: "s" } });
const run = (id: string, trace: string, parent: string | null) => ({
  id,
  trace_id: trace,
  parent_run_id: parent,
  run_type: "chain",
});
const RUNS = [run(A, A, null), run(S2, A, A), run(B, B, null)];
const RUN_PAIRS = [`${A}/${A}`, `${A}/${S2}`, `${B}/${B}`];
const hit = (source: object) => ({ _index: "i", _id: S1, _source: source });
const XRAY_A = "1-5b8aa5a2-d2c872e8321cf37308d69df2";
const segment = {
  id: S1,
  trace_id: XRAY_A,
  start_time: 1,
  end_time: 2,
  subsegments: [{ id: S2, subsegments: [{ id: S3 }] }],
};
const XRAY_PAIRS = [S1, S2, S3].map((span) => `${XRAY_A}/${span}`);
const entry = (trace: string, span?: string) => ({
  logName: "projects/p/logs/l",
  trace: trace && `projects/p/traces/${trace}`,
  spanId: span,
});

/** What Python's, Go's and JavaScript's console exporters print of a span. */
const python = (trace: string, span: string, parent: string | null) => ({
  name: "n",
  context: { trace_id: `0x${trace}`, span_id: `0x${span}`, trace_state: "[]" },
  kind: "SpanKind.INTERNAL",
  parent_id: parent,
  status: { status_code: "UNSET" },
});
const NO_ID = "0".repeat(16);
const go = (trace: string, span: string, parent: string) => ({
  Name: "n",
  SpanContext: { TraceID: trace, SpanID: span, TraceFlags: "01" },
  Parent: { TraceID: trace, SpanID: parent },
});
const javascript = (trace: string, span: string, parent: string): string => `{
  resource: {
    attributes: {
      'service.name': 's',
      traceId: 'of something else',
    }
  },
  traceId: '${trace}',
  ${parent},
  name: 'n',
  id: '${span}',
  kind: 0,
  attributes: { text: '\\n  id: \\'1111111111111111\\',\\n' },
  status: { code: 0 }
}
`;
const java = (trace: string, span: string, name = "GET /"): string =>
  `INFO: '${name}' : ${trace} ${span} SERVER [tracer: io.example:1.0] AttributesMap{data={}}\n`;

export const EXPORTS: readonly ExportExample[] = [
  {
    format: "otlp",
    what: "one document",
    document: { resourceSpans: resources(otlp) },
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "otlp",
    what: "one document a line, with logs and metrics between",
    document: lines(
      { resourceMetrics: [{}] },
      { resourceSpans: resources(otlp.slice(0, 2)) },
      { resourceLogs: [{}, {}] },
      { resourceSpans: resources(otlp.slice(2)) },
    ),
    pairs: PAIRS,
    roots: ROOTS,
    passedOver: ["1 metric batches", "2 log batches"],
  },
  {
    format: "otlp",
    what: "IDs in base64, under the older name of a scope",
    document: {
      batches: resources(
        [
          { traceId: base64(A), spanId: base64(S1), parentSpanId: "AAAAAAAAAAA=" },
          { traceId: base64(A), spanId: base64(S2), parentSpanId: base64(S1) },
        ],
        "instrumentationLibrarySpans",
      ),
    },
    pairs: PAIRS.slice(0, 2),
    roots: ROOTS.slice(0, 1),
  },
  {
    format: "otlp",
    what: "a trace as Tempo answers it",
    document: { trace: { resourceSpans: resources(otlp) } },
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "otlp",
    what: "snake case",
    document: { resource_spans: resources(snake, "scope_spans") },
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "otlp-logs",
    what: "log records, some outside of traces",
    document: {
      resourceLogs: resources(
        [...otlp, otlp[0], { body: {} }, { traceId: "", spanId: "" }],
        "scopeLogs",
        "logRecords",
      ),
    },
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "jaeger",
    what: "an answer of its API",
    document: {
      data: [
        { traceID: A, spans: jaeger.slice(0, 2), processes: {} },
        { traceID: B, spans: jaeger.slice(2), processes: {} },
      ],
      total: 0,
      limit: 0,
    },
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "jaeger",
    what: "a bare trace",
    document: { traceID: A, spans: jaeger, processes: {} },
    pairs: PAIRS,
    roots: ROOTS,
  },
  { format: "jaeger", what: "bare spans", document: jaeger, pairs: PAIRS, roots: ROOTS },
  { format: "jaeger", what: "a span a line", document: lines(...jaeger), pairs: PAIRS, roots: ROOTS },
  {
    format: "zipkin",
    what: "spans, both sides of a call",
    document: [zipkin[0], zipkin[1], { ...zipkin[1], kind: "SERVER", shared: true }, zipkin[2]],
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "zipkin",
    what: "traces",
    document: [zipkin.slice(0, 2), zipkin.slice(2)],
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "zipkin",
    what: "v1 with numbers, digit for digit",
    document: `[{"trace_id":1068169210207794611,"id":17133482219070001,"parent_id":0,"annotations":[]}]`,
    pairs: ["1068169210207794611/17133482219070001"],
  },
  {
    format: "tempo",
    what: "a search, its first set of spans named twice",
    document: {
      traces: [
        {
          traceID: A,
          startTimeUnixNano: "1",
          spanSet: { spans: [{ spanID: S1 }] },
          spanSets: [{ spans: [{ spanID: S1 }] }, { spans: [{ spanID: S2 }] }],
        },
        { traceID: B, startTimeUnixNano: "1" },
      ],
      metrics: {},
    },
    pairs: [`${A}/${S1}`, `${A}/${S2}`, `${B}/`],
  },
  {
    format: "datadog",
    what: "a page of the spans API",
    document: {
      data: [
        {
          id: "x",
          type: "spans",
          attributes: { trace_id: "18446744073709551615", span_id: "9007199254740993", parent_id: "0" },
        },
        {
          id: "y",
          type: "spans",
          attributes: { trace_id: "18446744073709551615", span_id: "12", parent_id: "9007199254740993" },
        },
      ],
      meta: { page: { after: "cursor" } },
    },
    pairs: ["18446744073709551615/9007199254740993", "18446744073709551615/12"],
    roots: ["18446744073709551615/9007199254740993"],
    warnings: ["it is one page of several: meta.page.after leads to the next; it holds 2 records"],
  },
  {
    format: "datadog-agent",
    what: "traces with numbers, one of them 0",
    document: `[[{"trace_id":9223372036854775809,"span_id":1,"parent_id":0},{"trace_id":9223372036854775809,"span_id":2,"parent_id":1}],[{"trace_id":0,"span_id":3}]]`,
    pairs: ["9223372036854775809/1", "9223372036854775809/2", "0/3"],
    roots: ["9223372036854775809/1", "0/3"],
  },
  {
    format: "elasticsearch",
    what: "a search that found more than it answers",
    document: { took: 1, hits: { total: { value: 10_000, relation: "gte" }, hits: otlp.map(hit) } },
    pairs: PAIRS,
    roots: ROOTS,
    warnings: ["it holds 3 of 10000 records"],
  },
  {
    format: "elasticsearch",
    what: "several searches, fields by their dotted names or nested",
    document: {
      responses: [
        {
          hits: {
            total: { value: 2 },
            hits: [
              hit({ "trace.id": A, "transaction.id": S1 }),
              hit({ trace: { id: A }, span: { id: S2 }, parent: { id: S1 } }),
            ],
          },
        },
        { hits: { total: { value: 1 }, hits: [{ _id: "x", fields: { "trace.id": [B], "span.id": [S3] } }] } },
      ],
    },
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "elasticsearch-bulk",
    what: "actions and documents",
    document: lines(
      { index: { _index: "i", _id: S1 } },
      otlp[0],
      { create: {} },
      otlp[1],
      { delete: { _id: "x" } },
      { update: {} },
      { doc: otlp[2] },
    ),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "elastic-apm",
    what: "events, with errors and metrics between",
    document: lines(
      { metadata: {} },
      { transaction: { trace_id: A, id: S1 } },
      { span: { trace_id: A, id: S2, parent_id: S1, transaction_id: S1 } },
      { error: { id: "e", trace_id: A } },
      { metricset: {} },
      { transaction: { trace_id: B, id: S3 } },
    ),
    pairs: PAIRS,
    roots: ROOTS,
    passedOver: ["1 errors", "1 metric sets"],
  },
  {
    format: "langfuse",
    what: "a trace with its observations",
    document: {
      trace: { id: A, name: "n" },
      observations: spans("traceId", "id", "parentObservationId").slice(0, 2),
    },
    pairs: PAIRS.slice(0, 2),
    roots: ROOTS.slice(0, 1),
  },
  {
    format: "langsmith",
    what: "runs a line",
    document: lines(...RUNS),
    pairs: RUN_PAIRS,
    roots: [`${A}/${A}`, `${B}/${B}`],
  },
  { format: "langsmith", what: "runs", document: RUNS, pairs: RUN_PAIRS, roots: [`${A}/${A}`, `${B}/${B}`] },
  {
    format: "langsmith",
    what: "a page of its API",
    document: { runs: RUNS, cursors: { next: "c", prev: null } },
    pairs: RUN_PAIRS,
    roots: [`${A}/${A}`, `${B}/${B}`],
    warnings: [`it is one page of several: cursors.next leads to the next; it holds ${RUNS.length} records`],
  },
  {
    format: "langsmith",
    what: "a batch of its SDK",
    document: {
      post: RUNS,
      patch: [
        { ...RUNS[1], end_time: 1 },
        { id: B, end_time: 1 },
      ],
    },
    pairs: RUN_PAIRS,
    roots: [`${A}/${A}`, `${B}/${B}`],
  },
  { format: "xray", what: "a segment", document: segment, pairs: XRAY_PAIRS, roots: [`${XRAY_A}/${S1}`] },
  {
    format: "xray",
    what: "batch-get-traces",
    document: {
      Traces: [{ Id: XRAY_A, Segments: [{ Id: S1, Document: JSON.stringify(segment) }] }],
      NextToken: "t",
      UnprocessedTraceIds: ["1-a", "1-b", "1-c", "1-d"],
    },
    pairs: XRAY_PAIRS,
    roots: [`${XRAY_A}/${S1}`],
    warnings: [
      "it is one page of several: NextToken leads to the next; it holds 1 record",
      'it lacks 4 traces that UnprocessedTraceIds names: "1-a", "1-b", "1-c" and 1 more',
    ],
  },
  {
    format: "xray",
    what: "get-trace-summaries",
    document: { TraceSummaries: [{ Id: XRAY_A, Duration: 1 }], NextToken: null },
    pairs: [`${XRAY_A}/`],
  },
  {
    format: "google-trace",
    what: "spans of v2",
    document: {
      spans: [
        { name: `projects/p/traces/${A}/spans/${S1}`, spanId: S1, displayName: {} },
        { name: `projects/p/traces/${A}/spans/${S2}`, spanId: S2, parentSpanId: S1, displayName: {} },
      ],
    },
    pairs: PAIRS.slice(0, 2),
    roots: ROOTS.slice(0, 1),
  },
  {
    format: "google-trace",
    what: "a page of traces of v1",
    document: {
      traces: [
        { projectId: "p", traceId: A, spans: [{ spanId: "11" }, { spanId: "12", parentSpanId: "11" }] },
        { projectId: "p", traceId: B },
      ],
      nextPageToken: "t",
    },
    pairs: [`${A}/11`, `${A}/12`, `${B}/`],
    roots: [`${A}/11`],
    warnings: ["it is one page of several: nextPageToken leads to the next; it holds 2 records"],
  },
  {
    format: "google-logging",
    what: "entries, some outside of traces",
    document: [entry(A, S1), entry(A, S2), entry(""), entry(A, S1), entry(B, S3)],
    pairs: PAIRS,
  },
  {
    format: "google-logging",
    what: "an entry a line",
    document: lines(entry(A, S1), entry(B, S3)),
    pairs: ROOTS,
  },
  {
    format: "sentry",
    what: "an envelope",
    document: lines(
      { event_id: B, sent_at: "2026-01-01T00:00:00Z" },
      { type: "transaction" },
      {
        event_id: B,
        type: "transaction",
        contexts: { trace: { trace_id: A, span_id: S1 } },
        spans: [{ trace_id: A, span_id: S2, parent_span_id: S1 }],
      },
    ),
    pairs: PAIRS.slice(0, 2),
    roots: ROOTS.slice(0, 1),
  },
  {
    format: "sentry",
    what: "spans by themselves, with a log between",
    document: lines(
      { sent_at: "2026-01-01T00:00:00Z", sdk: { name: "s" } },
      { type: "span", item_count: 2 },
      {
        items: [
          { trace_id: A, span_id: S1, start_timestamp: 1, end_timestamp: 2 },
          { trace_id: A, span_id: S2, parent_span_id: S1, start_timestamp: 1, end_timestamp: 2 },
        ],
      },
      { type: "log", item_count: 1 },
      { items: [{ trace_id: A, timestamp: 1, body: "b" }] },
    ),
    pairs: PAIRS.slice(0, 2),
    roots: ROOTS.slice(0, 1),
  },
  {
    format: "otlp",
    what: "a resource a line, as Java prints it",
    document: lines(
      { resource: {}, scopeSpans: [{ scope: {}, spans: otlp.slice(0, 2) }] },
      { resource: {}, scopeSpans: [{ scope: {}, spans: otlp.slice(2) }] },
    ),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "mlflow",
    what: "traces as version 2 has them, IDs with 0x",
    document: [
      {
        info: { request_id: A, timestamp_ms: 1 },
        data: {
          spans: [
            { name: "n", context: { span_id: `0x${S1}`, trace_id: "0xff" }, parent_id: null },
            { name: "n", context: { span_id: `0x${S2}`, trace_id: "0xff" }, parent_id: `0x${S1}` },
          ],
          request: "{}",
        },
      },
      { info: { request_id: B }, data: { spans: [{ context: { span_id: `0x${S3}` }, parent_id: null }] } },
    ],
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "mlflow",
    what: "a trace as version 3 has it, IDs in base64",
    document: {
      info: { trace_id: `tr-${A}`, trace_location: {}, request_time: "t" },
      data: {
        spans: [
          { trace_id: base64(A), span_id: base64(S1), parent_span_id: "" },
          { trace_id: base64(A), span_id: base64(S2), parent_span_id: base64(S1) },
        ],
      },
    },
    pairs: [`tr-${A}/${S1}`, `tr-${A}/${S2}`],
    roots: [`tr-${A}/${S1}`],
  },
  {
    format: "mlflow",
    what: "a page of a search, without spans",
    document: { traces: [{ trace_id: `tr-${A}`, trace_location: {} }], next_page_token: "t" },
    pairs: [`tr-${A}/`],
    warnings: ["it is one page of several: next_page_token leads to the next; it holds 1 record"],
  },
  {
    format: "app-insights",
    what: "a query's result, requests nobody called named by their operation",
    document: {
      tables: [
        {
          name: "PrimaryResult",
          columns: ["timestamp", "id", "operation_Id", "operation_ParentId", "itemId"].map((name) => ({
            name,
          })),
          rows: [
            ["t", S1, A, A, "i"],
            ["t", S2, A, S1, "i"],
            ["t", S3, B, "", "i"],
          ],
        },
      ],
    },
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "app-insights",
    what: "a table of a workspace, as the portal exports it",
    document: `TimeGenerated [UTC],Id,OperationId,ParentId,AppRoleName\nt,${S1},${A},${A},r\nt,${S2},${A},${S1},r\n`,
    pairs: PAIRS.slice(0, 2),
    roots: ROOTS.slice(0, 1),
  },
  {
    format: "app-insights",
    what: "rows as az prints them",
    document: spans("operation_Id", "id", "operation_ParentId", { itemType: "request" }),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "honeycomb",
    what: "a download as CSV",
    document: `Timestamp,trace.trace_id,trace.span_id,trace.parent_id\nt,${A},${S1},\nt,${A},${S2},${S1}\n`,
    pairs: PAIRS.slice(0, 2),
    roots: ROOTS.slice(0, 1),
  },
  {
    format: "mlflow",
    what: "a DataFrame of version 2 as JSON",
    document: [A, B].map((id) => ({ request_id: id, timestamp_ms: 1, execution_time_ms: 1 })),
    pairs: [`${A}/`, `${B}/`],
  },
  {
    format: "mlflow",
    what: "a DataFrame of version 3, a row a line",
    document: lines({
      trace_id: `tr-${A}`,
      client_request_id: "c",
      execution_duration: 1,
      trace_metadata: {},
    }),
    pairs: [`tr-${A}/`],
  },
  {
    format: "braintrust",
    what: "a table with both IDs",
    document: `id,input,root_span_id,span_id,scores\n1,i,${A},${S1},{}\n2,i,${A},${S2},{}\n`,
    pairs: PAIRS.slice(0, 2),
  },
  {
    format: "honeycomb",
    what: "a query's result",
    document: {
      query: {},
      complete: true,
      data: {
        series: [{ data: { "trace.trace_id": "none" } }],
        results: spans("trace.trace_id", "trace.span_id", "trace.parent_id").map((data) => ({ data })),
      },
    },
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "honeycomb",
    what: "groups of a query that name the trace alone",
    document: { data: { results: [A, B].map((id) => ({ data: { COUNT: 1, "trace.trace_id": id } })) } },
    pairs: [`${A}/`, `${B}/`],
  },
  {
    format: "honeycomb",
    what: "an event a line, around its fields or not",
    document: lines(
      ...spans("trace.trace_id", "trace.span_id", "trace.parent_id").map((data) => ({ time: "t", data })),
    ),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "honeycomb",
    what: "events",
    document: spans("trace.trace_id", "trace.span_id", "trace.parent_id", { duration_ms: 1 }),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "braintrust",
    what: "a page of its API",
    document: {
      events: [
        { id: "row-1", root_span_id: A, span_id: S1, span_parents: null, _xact_id: "1" },
        { id: "row-2", root_span_id: A, span_id: S2, span_parents: [S1], _xact_id: "1" },
        { id: "row-3", root_span_id: B, span_id: S3, span_parents: [], _xact_id: "1" },
      ],
      cursor: "c",
    },
    pairs: PAIRS,
    roots: ROOTS,
    warnings: ["it is one page of several: cursor leads to the next; it holds 3 records"],
  },
  {
    format: "braintrust",
    what: "a row a line",
    document: lines(
      { id: "1", root_span_id: A, span_id: S1, is_root: true },
      { id: "2", root_span_id: A, span_id: S2, is_root: false },
    ),
    pairs: PAIRS.slice(0, 2),
    roots: ROOTS.slice(0, 1),
  },
  {
    format: "otel-console",
    what: "Python's, documents one after the other",
    document: [python(A, S1, null), python(A, S2, `0x${S1}`), python(B, S3, null)]
      .map((span) => JSON.stringify(span, null, 4))
      .join("\n"),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "otel-console",
    what: "Python's, with log records between",
    document: lines(
      python(A, S1, null),
      { body: "b", severity_number: 9, trace_id: `0x${A}`, span_id: `0x${S2}`, resource: {} },
      { body: "b", severity_number: 9, trace_id: "0x0", span_id: "0x0", resource: {} },
    ),
    pairs: PAIRS.slice(0, 2),
  },
  {
    format: "otel-console",
    what: "Go's",
    document: lines(go(A, S1, NO_ID), go(A, S2, S1), go(B, S3, NO_ID)),
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "otel-console-text",
    what: "JavaScript's, behind a line of other output",
    document: `ready\n${javascript(A, S1, "parentId: undefined")}${javascript(
      A,
      S2,
      `parentSpanContext: {\n    traceId: '${A}',\n    spanId: '${S1}'\n  }`,
    )}${javascript(B, S3, "parentSpanContext: undefined")}`,
    pairs: PAIRS,
    roots: ROOTS,
    passedOver: ["1 lines of other output"],
  },
  {
    format: "otel-console-text",
    what: "Java's lines",
    document: `io.opentelemetry.exporter.logging.LoggingSpanExporter export\n${java(A, S1)}${java(A, S2)}${java(B, S3)}`,
    pairs: PAIRS,
    passedOver: ["1 lines of other output"],
  },
  {
    format: "grafana",
    what: "frames over the wire",
    document: {
      frames: [
        {
          schema: { fields: [{ name: "traceID" }, { name: "spanID" }, { name: "parentSpanID" }] },
          data: {
            values: [
              [A, A, B],
              [S1, S2, S3],
              ["", S1, ""],
            ],
          },
        },
      ],
    },
    pairs: PAIRS,
    roots: ROOTS,
  },
  {
    format: "grafana",
    what: "frames of a panel, without parents",
    document: [
      {
        fields: [
          { name: "Trace ID", values: [A, A, B] },
          { name: "Span ID", values: [S1, S2, S3] },
        ],
      },
    ],
    pairs: PAIRS,
  },
  {
    format: "aliyun-sls",
    what: "rows as keys and values",
    document: spans("traceID", "spanID", "parentSpanID").map((span) =>
      Object.entries(span).map(([Key, Value]) => ({ Key, Value })),
    ),
    pairs: PAIRS,
    roots: ROOTS,
  },
];
