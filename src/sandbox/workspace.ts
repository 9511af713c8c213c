/** What the sandbox's API reads and changes: the datasets, kept in the record. Knows no HTTP. */
import {
  type Dataset,
  type DatasetGroup,
  Datasets,
  DRAFT_VERSION,
  rowPlace,
  type RowPlace,
  rowTotal,
} from "./datasets.ts";
import { EventLog } from "./event-log.ts";
import type { ExternalId, RowEvent } from "./log-event.ts";

export interface WorkspaceSettings {
  recordFile: string | undefined;
  groups: (datasetGroupId: number) => boolean;
  seedRows: number | null;
  seedRowsPerSecond: number | undefined;
  publishDelayMs: number;
  wallMs: () => number;
}

/** A row that the sandbox applied. `seq` counts from 1 over the whole record. */
export interface AppliedRow {
  seq: number;
  time: number;
  datasetGroupId: number;
  draftDatasetId: number;
  traceId: string;
  spanId: string | undefined;
}

/** What stands in one row of a dataset. */
export type RowContent =
  { kind: "added"; traceId: string; spanId: string | undefined } | { kind: "made-up"; index: number };

export class Workspace {
  readonly #settings: WorkspaceSettings;
  readonly #state = new Datasets();
  readonly #log: EventLog;

  constructor(settings: WorkspaceSettings) {
    this.#settings = settings;
    this.#log = new EventLog(settings.recordFile, ({ event, offset }) => this.#state.apply(event, offset));
  }

  get recordFile(): string {
    return this.#log.file;
  }

  now(): number {
    return this.#settings.wallMs();
  }

  /** The group, made now if it exists only by the settings; undefined for one that does not exist. */
  group(id: number): DatasetGroup | undefined {
    this.#log.catchUp();
    const known = this.#state.group(id, this.now());
    if (known !== undefined || !this.#settings.groups(id)) return known;
    this.#log.append({
      event: "group",
      time: this.now(),
      dataset_group_id: id,
      name: `Dataset group ${id}`,
      begins_with: this.#settings.seedRows ?? "nothing",
      external_ids: [],
    });
    this.#log.flush();
    return this.#state.group(id, this.now());
  }

  /** A new group with an empty draft; undefined when the name is taken. */
  createGroup(name: string, externalIds: ExternalId[]): DatasetGroup | undefined {
    this.#log.flush();
    if (this.#state.groupNamed(name) !== undefined) return undefined;
    this.#log.append({
      event: "group",
      time: this.now(),
      dataset_group_id: null,
      name,
      begins_with: "draft",
      external_ids: externalIds,
    });
    this.#log.flush();
    return this.#state.groupNamed(name);
  }

  /** Opens the group's draft, unless it has one. */
  openDraft(group: DatasetGroup, source: Dataset | undefined): Dataset {
    this.#log.append({
      event: "draft",
      time: this.now(),
      dataset_group_id: group.id,
      source_dataset_id: source?.id ?? null,
      rows_per_second: source === undefined ? null : (this.#settings.seedRowsPerSecond ?? null),
    });
    this.#log.flush();
    const draft = this.#state.group(group.id, this.now())?.draft;
    if (draft === undefined) throw new Error(`group ${group.id} has no draft after one was opened`);
    return draft;
  }

  /** Queues the draft to be published after the set delay, or after `delayMs`; undefined without a draft. */
  saveDraft(groupId: number, delayMs: number = this.#settings.publishDelayMs): Dataset | undefined {
    this.#log.flush();
    const draft = this.#state.group(groupId, this.now())?.draft;
    if (draft === undefined) return undefined;
    const time = this.now();
    this.#log.append({
      event: "save",
      time,
      dataset_group_id: groupId,
      publish_at: time + delayMs,
    });
    this.#log.flush();
    return draft;
  }

  /**
   * Adds a row to the group's draft, which is opened from the last published version if there is none. The row is in
   * the record when `afterWrite` calls back.
   */
  addRow(group: DatasetGroup, traceId: string, spanId: string | undefined): number {
    const draft = this.#state.group(group.id, this.now())?.draft ?? this.openDraft(group, group.published);
    this.#log.append({
      time: this.now(),
      dataset_group_id: group.id,
      draft_dataset_id: draft.id,
      trace_id: traceId,
      span_id: spanId ?? null,
    });
    return draft.id;
  }

  afterWrite(callback: (error: Error | undefined) => void): void {
    this.#log.afterFlush(callback);
  }

  /** Every dataset there is now, oldest first. */
  datasets(): Dataset[] {
    this.#log.flush();
    for (const id of this.#state.groups.keys()) this.#state.group(id, this.now());
    return [...this.#state.datasets.values()];
  }

  dataset(id: number): Dataset | undefined {
    this.#log.flush();
    const dataset = this.#state.datasets.get(id);
    if (dataset !== undefined) this.#state.group(dataset.group.id, this.now());
    return dataset;
  }

  total(dataset: Dataset): number {
    return rowTotal(dataset, this.now());
  }

  /** Rows `from` (counted from 0) up to `to`, of the dataset as it is at `nowMs`. */
  *rows(dataset: Dataset, from: number, to: number, nowMs: number): Generator<RowContent> {
    for (let index = from; index < to; index++) yield this.#content(rowPlace(dataset, index, nowMs));
  }

  /** Every row ever added, by any sandbox on this record, in order. */
  *applied(): Generator<AppliedRow> {
    this.#log.flush();
    let seq = 0;
    for (const { event } of this.#log.events()) {
      if ("event" in event) continue;
      seq++;
      yield {
        seq,
        time: event.time,
        datasetGroupId: event.dataset_group_id,
        draftDatasetId: event.draft_dataset_id,
        traceId: event.trace_id,
        spanId: event.span_id ?? undefined,
      };
    }
  }

  appliedCount(): number {
    this.#log.flush();
    return this.#state.addedRows;
  }

  close(): void {
    this.#log.close();
  }

  #content(place: RowPlace): RowContent {
    if (place.kind === "made-up") return place;
    const event = this.#log.readAt(place.offset) as RowEvent;
    return { kind: "added", traceId: event.trace_id, spanId: event.span_id ?? undefined };
  }
}

export function isDraft(dataset: Dataset): boolean {
  return dataset.versionNumber === DRAFT_VERSION;
}
