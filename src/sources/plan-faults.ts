/** What distinct rows are told apart by, and what is said of sources of which they cannot be told. */
import { TraceloadError } from "../core/errors.ts";
import type { SourceRow } from "../core/source.ts";

/** The same trace in another group is another row. */
export function traceKey({ datasetGroupId, traceId }: SourceRow): string {
  return `${datasetGroupId}:${traceId}`;
}

export function readableOnce(name: string): TraceloadError {
  return new TraceloadError(
    "source_unreadable",
    `${name} can be read only once, and has to be read twice: to tell which traces are distinct, and to send them`,
    {
      next: "Hand it over as standard input, which is copied: … | traceload import -    or save it to a file",
    },
  );
}

/** `place`: where the second reading found more than the first, or ended. */
export function changedMeanwhile(
  name: string,
  counted: { from: number; to: number },
  place: number,
): TraceloadError {
  const [before, now] = [counted.to - counted.from, place - counted.from];
  const said = now > before ? `more than ${before}` : `${now}`;
  return new TraceloadError(
    "source_changed",
    `${name} changed while it was read: it had ${before} valid records when they were counted, and ${said} afterwards`,
    { next: "Import it again when nothing writes to it any more: rows that were added are not sent again." },
  );
}
