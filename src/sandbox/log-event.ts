/** The lines of a sandbox's record: what happened, in order. Everything the sandbox knows follows from them. */

/** A row that was applied. The fields are named as in the API, for people who read the file. */
export interface RowEvent {
  time: number;
  dataset_group_id: number;
  draft_dataset_id: number;
  trace_id: string;
  span_id: string | null;
}

/** A group came into being. Ignored when the group, or one of the name, is there. */
export interface GroupEvent {
  event: "group";
  time: number;
  /** null: the next free id. */
  dataset_group_id: number | null;
  name: string;
  /** What it begins with: a published version of so many rows, an empty draft, or nothing. */
  begins_with: number | "draft" | "nothing";
  external_ids: ExternalId[];
}

/** A draft was opened. Ignored when the group has one. */
export interface DraftEvent {
  event: "draft";
  time: number;
  dataset_group_id: number;
  source_dataset_id: number | null;
  /** null: all rows are there at once. */
  rows_per_second: number | null;
}

/** The draft is to be published. Ignored without a draft, or when that is under way. */
export interface SaveEvent {
  event: "save";
  time: number;
  dataset_group_id: number;
  publish_at: number;
}

export type LogEvent = RowEvent | GroupEvent | DraftEvent | SaveEvent;

export interface ExternalId {
  source: string;
  external_id: string;
}

export const LOG_HEADER = { record: "traceload sandbox", version: 1 } as const;

/** The event of a line; undefined for a line that is none (a torn one, after a full disk or a power cut). */
export function parseLogEvent(line: string): LogEvent | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const fields = parsed as Partial<Record<string, unknown>>;
  if (typeof fields["time"] !== "number") return undefined;
  switch (fields["event"]) {
    case undefined:
      return typeof fields["draft_dataset_id"] === "number" && typeof fields["trace_id"] === "string"
        ? (parsed as RowEvent)
        : undefined;
    case "group":
      return typeof fields["name"] === "string" ? (parsed as GroupEvent) : undefined;
    case "draft":
      return typeof fields["dataset_group_id"] === "number" ? (parsed as DraftEvent) : undefined;
    case "save":
      return typeof fields["publish_at"] === "number" ? (parsed as SaveEvent) : undefined;
    default:
      return undefined;
  }
}

export function isHeader(line: string): boolean {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null && "record" in parsed
      ? parsed.record === LOG_HEADER.record
      : false;
  } catch {
    return false;
  }
}
