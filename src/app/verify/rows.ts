/** Settles single rows of a group by what the draft shows of them. How they are looked for is search.ts's. */
import type { GroupKey, RowKey } from "../../core/row.ts";
import type { Run, Store } from "../../core/store.ts";
import { msUntilQuiet, type GroupReader } from "./reading.ts";
import {
  type DoubtfulRow,
  kindOf,
  kindsShown,
  lookFor,
  rowsInDoubt,
  type SearchedDraft,
  type SearchParts,
} from "./search.ts";

export interface RowsParts extends SearchParts {
  store: SearchParts["store"] & Pick<Store, "commitVerdict">;
}

/** What was seen of rows in doubt. Of those in neither list it could not be told. */
export interface Sightings {
  there: RowKey[];
  missing: DoubtfulRow[];
}

/** Rows looked for one by one, at most, for one verdict. */
const MAX_SEARCHED_ROWS = 5_000;
/** While rows are looked for to be called absent, the gate is closed: no longer than for so many. */
const ROWS_PER_GATE = 100;
const KEYS_PER_COMMIT = 1_000;

export class DoubtfulRows {
  readonly #parts: RowsParts;
  readonly #reader: GroupReader;
  readonly #request: {
    datasetGroupId: number;
    key: GroupKey;
    run: Pick<Run, "runId" | "origin" | "counts">;
  };
  readonly #signal: AbortSignal;

  constructor(
    parts: RowsParts,
    reader: GroupReader,
    request: { datasetGroupId: number; key: GroupKey; run: Pick<Run, "runId" | "origin" | "counts"> },
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#reader = reader;
    this.#request = request;
    this.#signal = signal;
  }

  /** The rows that are in doubt now, as many as are looked for. */
  list(): Promise<DoubtfulRow[]> {
    const { datasetGroupId, run } = this.#request;
    return rowsInDoubt(this.#parts.store, { origin: run.origin, datasetGroupId }, MAX_SEARCHED_ROWS);
  }

  /** Undefined: rows cannot be found in this draft by their IDs. */
  async lookForAll(draft: SearchedDraft, doubtful: readonly DoubtfulRow[]): Promise<Sightings | undefined> {
    const { datasetGroupId, run } = this.#request;
    const shown = await kindsShown(this.#parts, { ...draft, datasetGroupId }, run, this.#signal);
    if (shown.size === 0) return undefined;
    const there: RowKey[] = [];
    const missing: DoubtfulRow[] = [];
    for (const candidate of doubtful.filter(({ row }) => shown.has(kindOf(row)))) {
      const sighting = await lookFor(this.#parts, draft, candidate.row, this.#signal);
      if (sighting === "there") there.push(candidate.key);
      if (sighting === "not-there") missing.push(candidate);
    }
    return { there, missing };
  }

  /** What is there is there at any time. Answers how many were settled. */
  async commitLanded(draftDatasetId: number, keys: readonly RowKey[]): Promise<number> {
    let landed = 0;
    for (let from = 0; from < keys.length; from += KEYS_PER_COMMIT) {
      const some = keys.slice(from, from + KEYS_PER_COMMIT);
      landed += await this.#reader.commitBehindGate(draftDatasetId, (version) =>
        this.#parts.store.commitVerdict(this.#request.key, {
          kind: "landed",
          version,
          draftDatasetId,
          keys: some,
        }),
      );
    }
    return landed;
  }

  /** Looked for once more behind the gate: only what was read with the committed version may be called absent. */
  async commitAbsent(draft: SearchedDraft, missing: readonly DoubtfulRow[]): Promise<number> {
    const { draftDatasetId } = draft;
    let absent = 0;
    for (let from = 0; from < missing.length; from += ROWS_PER_GATE) {
      const some = missing.slice(from, from + ROWS_PER_GATE);
      absent += await this.#reader.commitBehindGate(draftDatasetId, async (version, doubt) => {
        if (msUntilQuiet(doubt) > 0) return 0;
        const keys: RowKey[] = [];
        for (const { key, row } of some) {
          if ((await lookFor(this.#parts, draft, row, this.#signal)) === "not-there") keys.push(key);
        }
        const { key } = this.#request;
        return this.#parts.store.commitVerdict(key, { kind: "absent", version, draftDatasetId, keys });
      });
    }
    return absent;
  }
}
