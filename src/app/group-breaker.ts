/**
 * Stops a dataset group whose first rows were all refused in the same way: the rest would be, too. The run goes on with
 * its other groups. The stop is shared: whoever works on the run hears of it within a second or two.
 */
import type { Clock } from "../core/clock.ts";
import type { Run, Store } from "../core/store.ts";

export interface GroupBreakerOptions {
  store: Pick<Store, "getRun" | "changeRun" | "readRows">;
  run: Pick<Run, "runId" | "haltedGroups">;
  clock: Clock;
  onFault: (error: unknown) => void;
}

/** How a row ended: `refusal` tells one 400 from another, and is undefined for every other end. */
export interface RowEnd {
  datasetGroupId: number;
  refusal: { code: string; message: string } | undefined;
}

export interface GroupBreaker {
  /** Whether rows of the group may be sent. While that is being found out, it waits. */
  admits(datasetGroupId: number): Promise<boolean>;
  /** The same, at once: for a row that has waited since. */
  isHalted(datasetGroupId: number): boolean;
  /** To be told of every row that a request settled. Resolves when the run knows of what follows. */
  note(end: RowEnd): Promise<void>;
  close(): void;
}

/** So many rows with the same refusal, and no other end before, stop a group. */
const FIRST_ROWS = 5;
const LOOK_EVERY_MS = 1_000;
const AGAIN_MS = 1_000;
/** Added rows that are looked through for one of the group. */
const ADDED_ROWS = 1_000;

interface FirstRows {
  refusal: { code: string; message: string };
  rows: number;
}

export function makeGroupBreaker(options: GroupBreakerOptions): GroupBreaker {
  const { store, run, clock, onFault } = options;
  const halted = new Set(run.haltedGroups.map(({ datasetGroupId }) => datasetGroupId));
  /** Groups with at least one other end: they are not watched any more. */
  const sound = new Set<number>();
  const first = new Map<number, FirstRows>();
  const inQuestion = new Map<number, Promise<void>>();
  const closed = new AbortController();

  /** Other processes may have added rows of the group before this one joined in. */
  const wasAddedTo = async (datasetGroupId: number): Promise<boolean> => {
    const rows = await store.readRows(run.runId, { fromRow: 1, limit: ADDED_ROWS, statuses: ["added"] });
    return rows.some((row) => Number(row.datasetGroupId) === datasetGroupId);
  };

  const halt = async (datasetGroupId: number, { code, message }: FirstRows["refusal"]): Promise<void> => {
    while (!closed.signal.aborted) {
      try {
        if (await wasAddedTo(datasetGroupId)) {
          sound.add(datasetGroupId);
          return;
        }
        halted.add(datasetGroupId);
        await store.changeRun(run.runId, { haltedGroup: { datasetGroupId, code, message } });
        return;
      } catch (error) {
        onFault(error);
        await clock.sleep(AGAIN_MS, closed.signal).catch(() => undefined);
      }
    }
  };

  const look = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(LOOK_EVERY_MS, closed.signal);
      try {
        const now = await store.getRun(run.runId);
        for (const { datasetGroupId } of now?.haltedGroups ?? []) halted.add(datasetGroupId);
      } catch (error) {
        if (!closed.signal.aborted) onFault(error);
      }
    }
  };
  look().catch(() => undefined);

  return {
    admits: async (datasetGroupId) => {
      await inQuestion.get(datasetGroupId);
      return !halted.has(datasetGroupId);
    },
    isHalted: (datasetGroupId) => halted.has(datasetGroupId),
    note: async ({ datasetGroupId, refusal }) => {
      if (sound.has(datasetGroupId) || halted.has(datasetGroupId)) return;
      const before = first.get(datasetGroupId);
      const isSame =
        before === undefined ||
        (before.refusal.code === refusal?.code && before.refusal.message === refusal.message);
      if (refusal === undefined || !isSame) {
        sound.add(datasetGroupId);
        first.delete(datasetGroupId);
        return;
      }
      const rows = (before?.rows ?? 0) + 1;
      first.set(datasetGroupId, { refusal, rows });
      if (rows < FIRST_ROWS) return;
      const found = inQuestion.get(datasetGroupId) ?? halt(datasetGroupId, refusal);
      inQuestion.set(datasetGroupId, found);
      await found;
    },
    close: () => closed.abort(),
  };
}
