/**
 * Dataset groups, their versions and drafts, as they follow from the record's events. Knows no file and no clock:
 * the same events give the same state, in whichever process they are replayed.
 */
import type { ExternalId, LogEvent } from "./log-event.ts";
import { NumberList } from "./number-list.ts";

/** The API's own mark of a draft. */
export const DRAFT_VERSION = -1;

export interface DatasetGroup {
  id: number;
  name: string;
  externalIds: ExternalId[];
  createdAt: number;
  draft: Dataset | undefined;
  /** The last published version. */
  published: Dataset | undefined;
  /** When the draft will be published, if save-draft was called. */
  publishAt: number | undefined;
}

export interface Dataset {
  id: number;
  group: DatasetGroup;
  versionNumber: number;
  createdAt: number;
  updatedAt: number;
  /** The rows it began with: another version's, or made up (without a source). */
  seed: { source: Dataset | undefined; rows: number; startedAt: number; rowsPerSecond: number | undefined };
  /** Places in the record of the rows added to it. */
  added: NumberList;
}

/** Where a row of a dataset comes from. */
export type RowPlace = { kind: "added"; offset: number } | { kind: "made-up"; index: number };

export class Datasets {
  readonly groups = new Map<number, DatasetGroup>();
  readonly datasets = new Map<number, Dataset>();
  readonly #groupNames = new Map<string, DatasetGroup>();
  #nextDatasetId = 1001;
  #nextGroupId = 1001;
  #addedRows = 0;

  /** Rows ever added, to whatever dataset. */
  get addedRows(): number {
    return this.#addedRows;
  }

  groupNamed(name: string): DatasetGroup | undefined {
    return this.#groupNames.get(name);
  }

  apply(event: LogEvent, offset: number): void {
    if (!("event" in event)) {
      this.#advance(event.dataset_group_id, event.time);
      const dataset = this.datasets.get(event.draft_dataset_id);
      if (dataset === undefined) return;
      dataset.added.push(offset);
      dataset.updatedAt = event.time;
      this.#addedRows++;
      return;
    }
    switch (event.event) {
      case "group": {
        const id = event.dataset_group_id ?? this.#nextGroupId;
        if (this.groups.has(id) || this.#groupNames.has(event.name)) return;
        const group: DatasetGroup = {
          id,
          name: event.name,
          externalIds: event.external_ids,
          createdAt: event.time,
          draft: undefined,
          published: undefined,
          publishAt: undefined,
        };
        this.groups.set(id, group);
        this.#groupNames.set(group.name, group);
        this.#nextGroupId = Math.max(this.#nextGroupId, id + 1);
        if (event.begins_with === "draft") group.draft = this.#open(group, event.time);
        else if (event.begins_with !== "nothing") {
          group.published = this.#open(group, event.time, { rows: event.begins_with });
          group.published.versionNumber = 1;
        }
        return;
      }
      case "draft": {
        this.#advance(event.dataset_group_id, event.time);
        const group = this.groups.get(event.dataset_group_id);
        if (group === undefined || group.draft !== undefined) return;
        const source =
          event.source_dataset_id === null ? undefined : this.datasets.get(event.source_dataset_id);
        group.draft = this.#open(group, event.time, {
          source,
          rows: source === undefined ? 0 : rowTotal(source, event.time),
          rowsPerSecond: event.rows_per_second ?? undefined,
        });
        return;
      }
      case "save": {
        this.#advance(event.dataset_group_id, event.time);
        const group = this.groups.get(event.dataset_group_id);
        if (group?.draft === undefined || group.publishAt !== undefined) return;
        group.publishAt = Math.max(event.publish_at, seededAt(group.draft));
        return;
      }
      default:
        event satisfies never;
    }
  }

  /** The group as it is at `nowMs`: a publication that is due has taken place. */
  group(id: number, nowMs: number): DatasetGroup | undefined {
    this.#advance(id, nowMs);
    return this.groups.get(id);
  }

  #advance(groupId: number, nowMs: number): void {
    const group = this.groups.get(groupId);
    if (group?.publishAt === undefined || group.draft === undefined || group.publishAt > nowMs) return;
    group.draft.versionNumber = (group.published?.versionNumber ?? 0) + 1;
    group.draft.updatedAt = group.publishAt;
    group.published = group.draft;
    group.draft = undefined;
    group.publishAt = undefined;
  }

  #open(
    group: DatasetGroup,
    time: number,
    seed: { source?: Dataset | undefined; rows: number; rowsPerSecond?: number | undefined } = { rows: 0 },
  ): Dataset {
    const dataset: Dataset = {
      id: this.#nextDatasetId++,
      group,
      versionNumber: DRAFT_VERSION,
      createdAt: time,
      updatedAt: time,
      seed: { source: seed.source, rows: seed.rows, startedAt: time, rowsPerSecond: seed.rowsPerSecond },
      added: new NumberList(),
    };
    this.datasets.set(dataset.id, dataset);
    return dataset;
  }
}

/** Rows in the dataset at `nowMs`; grows while it is being filled from its source. */
export function rowTotal(dataset: Dataset, nowMs: number): number {
  return seededRows(dataset, nowMs) + dataset.added.length;
}

/** The row at `index`, from 0: first the rows it was seeded with, then the added ones. */
export function rowPlace(dataset: Dataset, index: number, nowMs: number): RowPlace {
  const seeded = seededRows(dataset, nowMs);
  if (index >= seeded) return { kind: "added", offset: dataset.added.at(index - seeded) };
  const { source } = dataset.seed;
  return source === undefined ? { kind: "made-up", index } : rowPlace(source, index, Infinity);
}

function seededRows({ seed }: Dataset, nowMs: number): number {
  if (seed.rowsPerSecond === undefined) return seed.rows;
  const copied = Math.floor(((nowMs - seed.startedAt) / 1000) * seed.rowsPerSecond);
  return Math.max(0, Math.min(seed.rows, copied));
}

function seededAt({ seed }: Dataset): number {
  return seed.rowsPerSecond === undefined
    ? seed.startedAt
    : seed.startedAt + Math.ceil((seed.rows / seed.rowsPerSecond) * 1000);
}
