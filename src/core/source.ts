/** The port to the sources: files of IDs, read as rows with their place, bad ones included. */

/** One record, read as a row or found wanting. Texts are exactly as the source wrote them. */
export interface SourceRow {
  /** Index into `OpenedSources.names`. */
  source: number;
  /** 1-based: the line the record starts on; of a JSON array without line breaks, the element's position. */
  line: number;
  datasetGroupId: string;
  traceId: string;
  spanId: string;
  /** The row's number, where it has one already (rows of an earlier run); else they are numbered as they come. */
  row?: number;
  /** Why the row can never be sent; undefined for a good row. */
  invalid: { code: string; message: string } | undefined;
}

/** What `--format` may be told; which of them there are is the sources' own matter. */
export const SOURCE_FORMATS = [
  "auto",
  "csv",
  "tsv",
  "ndjson",
  "json",
  "otlp",
  "otlp-logs",
  "jaeger",
  "zipkin",
  "tempo",
  "datadog",
  "datadog-agent",
  "elasticsearch",
  "elasticsearch-bulk",
  "elastic-apm",
  "kibana",
  "langfuse",
  "langfuse-traces",
  "langfuse-observations",
  "langsmith",
  "phoenix",
  "phoenix-api",
  "promptlayer-trace",
  "promptlayer-requests",
  "clickhouse",
  "clickhouse-rows",
  "bigquery",
  "athena",
  "snowflake",
  "xray",
  "google-trace",
  "google-logging",
  "sentry",
  "app-insights",
  "mlflow",
  "honeycomb",
  "braintrust",
  "otel-console",
  "otel-console-text",
  "mongoexport",
  "grafana",
  "aliyun-sls",
  "parquet",
] as const;

export interface SourceOptions {
  /** The name of a format, or `auto`: the one that the source's beginning shows. */
  format: string;
  /** Header name, or 1-based column number. */
  traceColumn: string | undefined;
  spanColumn: string | undefined;
  groupColumn: string | undefined;
  /**
   * What a row is. `trace`: each distinct trace. `span`: each span; it must be named. `auto`: in exports whose records
   * are spans, each distinct trace; in lists, what a line names.
   */
  unit: "auto" | "trace" | "span";
  /** Only spans that no other span is the parent of; those of which it is not known are taken. */
  rootOnly: boolean;
  /** Hex IDs that are too short get their zeros back. */
  padIds: boolean;
  /** Where IDs stand that no name tells: a path (`field-path.ts`), or a table's column as above. */
  map?: FieldMap | undefined;
  /** Records are taken only where all of these hold (`condition.ts`). */
  where?: readonly string[] | undefined;
  /** For rows that name no group of their own. */
  datasetGroupId: number | undefined;
  /** Records to leave out at the start of each source, and the most rows to read in all. */
  skip: number;
  limit: number | undefined;
  /** How sources beyond files are asked. */
  remote?: RemoteOptions;
}

/** A time that a query is told. */
export interface TimeBound {
  /** As a person wrote it: a time, or an age such as `24h`. */
  typed: string;
  /** In UTC, ISO 8601: what the age came to when the import began. */
  at: string;
}

/** How servers are asked for rows: by a download, a query, or a search of several pages. */
export interface RemoteOptions {
  /** SQL for a Postgres server; `:since` and `:until` are parameters. */
  query?: string | undefined;
  /** What is posted to an HTTP address, with `{{since}}` and `{{until}}`; without it, the address is got. */
  body?: string | undefined;
  contentType?: string | undefined;
  /** `Name: value`; `${NAME}` stands for a variable of the environment. */
  headers: string[];
  since?: TimeBound | undefined;
  until?: TimeBound | undefined;
  /** Where an answer says how the next page is asked for, and where that is put in the next request. */
  paging?: { cursor: string; into: string } | undefined;
  /** Of one source: as it is received, and once it is unpacked. */
  maxBytes: number;
  /** How long a server may say nothing, and one statement of a query may take. */
  timeoutMs: number;
}

export interface FieldMap {
  trace?: string | undefined;
  span?: string | undefined;
  group?: string | undefined;
}

export interface OpenedSources {
  /** In order; `-` is standard input. Globs are expanded, directories refused. Of addresses, what may be shown. */
  readonly names: string[];
  /** Addresses as they were typed, by their index: without what `${NAME}` stands for. */
  readonly addresses?: ReadonlyMap<number, string>;
  /** What the sources are like now, to notice later that they changed. */
  readonly facts: SourceFacts[];
  /**
   * Batches of at most 1,000 rows, in input order. Bad records are rows with `invalid`; a source that cannot be read
   * as what it seems to be throws a TraceloadError (`source_format`, `source_columns`, `source_unreadable`) when its
   * turn comes, after the rows before the fault. Memory does not grow with the size of the input.
   */
  rows(signal: AbortSignal): AsyncIterable<SourceRow[]>;
  /**
   * Looks at all sources before their rows are read, and reads them once for that: those whose rows are distinct traces
   * or spans, or chosen by a path or a condition; and lists, unless they can be read only once, or their end is not
   * there within 10 s. Throws what reading the former throws, and `source_columns` for a path or field that is in no
   * record. Once: a second call answers the same.
   */
  plan(signal: AbortSignal): Promise<SourcePlan[]>;
  /** What is known by now: what `plan` answered, and what was seen of the sources whose rows were read since. */
  seen(): SourcePlan[];
  /** How much of all sources' bytes was read, 0 to 1; undefined when a size is not known. For estimates only. */
  readShare(): number | undefined;
}

/** What is known of a source; some of it only when its records were read. */
export interface SourcePlan {
  /** As in `OpenedSources.names`. */
  name: string;
  /** The format as people call it. */
  format: string;
  /** As typed after `--format`. */
  formatName: string;
  /** Why it is taken for that: a sentence's part. */
  reason: string;
  /** What a row of it is. */
  unit: "line" | "trace" | "span";
  /** Which column or key gave the IDs; undefined: none did, or the format says by itself where they stand. */
  columns: Readonly<Record<"trace" | "span" | "group", string | undefined>>;
  /** Read so far, those included that hold no row that can be sent. */
  records: number;
  /** Records that a condition left out, the first that did not hold; `lacking`: those of them without the field. */
  leftOut: { condition: string; records: number; lacking: number }[];
  /** Undefined where it was not counted. Each trace and span counts once, in the source that has it first. */
  distinct: { spans: number; traces: number } | undefined;
  /** Records that name a trace and span which an earlier one named; undefined where it was not counted. */
  repeated: number | undefined;
  /** What stands in it and holds no row: "log batches", and how many. */
  passedOver: { what: string; count: number }[];
  /** What a person should know: that it is one page of several. */
  warnings: string[];
}

export interface SourceFacts {
  name: string;
  sizeBytes: number | undefined;
  modifiedMs: number | undefined;
  /** SHA-256 over the first 64 KiB, hex; undefined for standard input. Of an address: over the address as typed. */
  headHash: string | undefined;
  /** Of a query: the times it is told, in words. */
  window?: string | undefined;
}
