/** What the tests of doubt and verdicts do again and again: settle a row, change the draft, commit a verdict. */
import type { RowKey } from "../../src/core/row.ts";
import type { Settlement } from "../../src/core/store.ts";
import { DRAFT, type Stage } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export const OTHER_DRAFT = 777;

export interface VerdictChange {
  /** As it is now unless it is given. */
  version?: number;
  draftDatasetId?: number | undefined;
  keys?: RowKey[];
}

export interface VerdictCalls {
  settled: (stage: Stage, row: number, settlement: Settlement) => Promise<RowKey>;
  turnTo: (stage: Stage, draftDatasetId: number, baseline?: number) => Promise<void>;
  commit: (
    stage: Stage,
    kind: "landed" | "absent" | "resend",
    change?: VerdictChange,
    store?: Subject["store"],
  ) => Promise<number | undefined>;
}

export function verdictCalls(subject: Subject): VerdictCalls {
  return {
    async settled(stage, row, settlement) {
      const claim = await stage.claim(row);
      await subject.store.settle(stage.settleOf(claim, settlement));
      return claim.key;
    },
    turnTo: (stage, draftDatasetId, baseline) =>
      subject.store.setGroup(stage.group, { phase: "open", draftDatasetId, baseline }),
    async commit(stage, kind, change = {}, store = subject.store) {
      const version = change.version ?? (await subject.store.readDoubt(stage.group)).version;
      return store.commitVerdict(stage.group, { kind, draftDatasetId: DRAFT, ...change, version });
    },
  };
}
