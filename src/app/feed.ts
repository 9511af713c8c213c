/**
 * Rows that are in the store and have no job: they go into the queue in row order, a part at a time, so that the queue
 * stays as small as it is while sources are read. For rows lost with a process, and for runs that are carried on.
 */
import type { RowJob, RunQueue } from "../core/queue.ts";
import { rowKey, type RowKey, rowOfTexts, type RowTexts } from "../core/row.ts";
import type { Run, Store, StoredRow } from "../core/store.ts";
import { rowJob } from "./producer.ts";

export interface FeedOptions {
  store: Pick<Store, "readRows" | "lookup">;
  queue: Pick<RunQueue, "enqueue" | "backlog">;
  run: Pick<Run, "runId" | "origin" | "seq" | "haltedGroups">;
  /** A number that no job of the run had: an old id may still be held by a worker that does not know it lost it. */
  generation: number;
  /** Rows waiting in the queue, at most. */
  highWaterRows: number;
}

export interface Feed {
  /**
   * Fills the queue up once. Answers whether all rows that were queued have a job now, or are being sent, or are of a
   * halted group. Rejects when the queue is out of reach: the next call goes on where this one stood.
   */
  fillUp(): Promise<boolean>;
  /** Whether it saw queued rows, and all of them were of halted groups. */
  sawHaltedOnly(): boolean;
}

const PAGE_ROWS = 1_000;

/** One pass over the run's queued rows. To be started only while the run has no jobs: a row must never have two. */
export function startFeed({ store, queue, run, generation, highWaterRows }: FeedOptions): Feed {
  let fromRow = 1;
  let unsent: RowJob[] = [];
  /** After an error the same rows go once more, and together: a row must not get into a second job. */
  const send = async (): Promise<void> => {
    if (unsent.length > 0) await queue.enqueue(unsent);
    unsent = [];
  };
  const halted = new Set(run.haltedGroups.map(({ datasetGroupId }) => datasetGroupId));
  const saw = { halted: 0, others: 0 };
  return {
    sawHaltedOnly: () => saw.halted > 0 && saw.others === 0,
    fillUp: async () => {
      await send();
      let room = highWaterRows - (await queue.backlog());
      // A few rows at a time would cost as many questions as rows.
      if (room < Math.min(PAGE_ROWS, highWaterRows / 2)) return false;
      while (room > 0) {
        const limit = Math.min(PAGE_ROWS, room);
        const rows = await store.readRows(run.runId, { fromRow, limit, statuses: ["queued"] });
        const last = rows.at(-1);
        if (last === undefined) return true;
        const sending = await rowsSending(store, run, rows);
        const waiting = rows.filter(({ row }) => !sending.has(row));
        const going = waiting.filter(({ datasetGroupId }) => !halted.has(Number(datasetGroupId)));
        saw.halted += waiting.length - going.length;
        saw.others += rows.length - waiting.length + going.length;
        unsent = going.map((row) => rowJob(row, generation));
        fromRow = last.row + 1;
        room -= unsent.length;
        await send();
      }
      return false;
    },
  };
}

/** Those of the rows that a request of this run is under way for: they will have a result without a job. */
async function rowsSending(
  store: Pick<Store, "lookup">,
  run: Pick<Run, "origin" | "seq">,
  rows: readonly StoredRow[],
): Promise<Set<number>> {
  const entries = await store.lookup([...new Set(rows.map((row) => storedRowKey(run.origin, row)))]);
  return new Set(
    entries.filter(({ state, runSeq }) => state === "sending" && runSeq === run.seq).map(({ row }) => row),
  );
}

/** The key of a stored row that is not invalid. */
export function storedRowKey(origin: string, row: RowTexts): RowKey {
  return rowKey(origin, rowOfTexts(row));
}
