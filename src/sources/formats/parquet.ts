/** Parquet, as the registry knows it. It is no text: `sources/parquet.ts` reads the files that are. */
import { TraceloadError } from "../../core/errors.ts";
import type { RecordFormat } from "../record.ts";

export const parquetFormat: RecordFormat = {
  name: "parquet",
  title: "Parquet",
  spans: true,
  matches: () => false,
  // oxlint-disable-next-line require-yield -- there is nothing to read
  async *records(_text, source) {
    throw new TraceloadError("source_format", `${source} is no Parquet file`, {
      next: "Leave --format out: it is told from the content.",
    });
  },
};
