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

export interface SourceOptions {
  format: "auto" | "csv" | "tsv" | "ndjson" | "json";
  /** Header name, or 1-based column number. */
  traceColumn: string | undefined;
  spanColumn: string | undefined;
  groupColumn: string | undefined;
  /** `auto`: a span where there is a span column. `trace`: spans ignored, one row per record. `span`: one is required. */
  unit: "auto" | "trace" | "span";
  /** For rows that name no group of their own. */
  datasetGroupId: number | undefined;
  /** Records to leave out at the start of each source, and the most rows to read in all. */
  skip: number;
  limit: number | undefined;
}

export interface OpenedSources {
  /** In order; `-` is standard input. Globs are expanded, directories refused. */
  readonly names: string[];
  /** What the sources are like now, to notice later that they changed. */
  readonly facts: SourceFacts[];
  /**
   * Batches of at most 1,000 rows, in input order. Bad records are rows with `invalid`; a source that cannot be read
   * as what it seems to be throws a TraceloadError (`source_format`, `source_columns`, `source_unreadable`) when its
   * turn comes, after the rows before the fault. Memory does not grow with the size of the input.
   */
  rows(signal: AbortSignal): AsyncIterable<SourceRow[]>;
  /** How much of all sources' bytes was read, 0 to 1; undefined when a size is not known. For estimates only. */
  readShare(): number | undefined;
}

export interface SourceFacts {
  name: string;
  sizeBytes: number | undefined;
  modifiedMs: number | undefined;
  /** SHA-256 over the first 64 KiB, hex; undefined for standard input. */
  headHash: string | undefined;
}
