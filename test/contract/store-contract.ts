/**
 * What every store must keep, whatever it is made of: one suite, run against the in-memory model, Redis, the embedded
 * store and Postgres. The stores' clocks cannot be set from here, so times are short and conditions are awaited.
 */
import { afterAll, beforeAll, describe } from "vitest";
import type { Store } from "../../src/core/store.ts";
import { claimContract } from "./claim.ts";
import { concurrencyContract } from "./concurrency.ts";
import { decisionsContract } from "./decisions.ts";
import { doubtContract } from "./doubt.ts";
import { gateContract } from "./gate.ts";
import { groupsContract } from "./groups.ts";
import { interleavingsContract } from "./interleavings.ts";
import { leasesContract } from "./leases.ts";
import { limiterContract } from "./limiter.ts";
import { paceContract } from "./pace.ts";
import { portableContract } from "./portable.ts";
import { portableGroupsContract } from "./portable-groups.ts";
import { rowsContract } from "./rows.ts";
import { runChangesContract } from "./run-changes.ts";
import { runsContract } from "./runs.ts";
import { settleContract } from "./settle.ts";
import { staleVerdictsContract } from "./stale-verdicts.ts";
import { standingContract } from "./standing.ts";
import { sweepContract } from "./sweep.ts";
import { syncsContract } from "./syncs.ts";
import { verdictsContract } from "./verdicts.ts";

export interface OpenedStore {
  store: Store;
  /** Closes the store and whatever was started for it. Connections of `openSecond` are closed before. */
  close(): Promise<void>;
  /** A second connection to the same store. Absent for a store that belongs to one process. */
  openSecond?(): Promise<Store>;
}

/** Two connections to one store, or twice the same one. Valid once the suite's hooks have run. */
export interface Subject {
  readonly store: Store;
  readonly second: Store;
}

export interface ContractOptions {
  /** Random interleavings to try per property; fewer on slow stores. */
  interleavings?: number;
}

/** Opens the store once for the whole suite; each test keeps to runs, keys and groups of its own. */
export function storeContract(
  name: string,
  open: () => Promise<OpenedStore>,
  { interleavings = 12 }: ContractOptions = {},
): void {
  describe(`the ${name} store`, () => {
    let opened: OpenedStore | undefined;
    let second: Store | undefined;
    const ready = <T>(part: T | undefined): T => {
      if (part === undefined) throw new Error("the store is opened by the suite's hook");
      return part;
    };
    const subject: Subject = {
      get store() {
        return ready(opened).store;
      },
      get second() {
        return ready(second);
      },
    };
    beforeAll(async () => {
      opened = await open();
      second = (await opened.openSecond?.()) ?? opened.store;
    });
    afterAll(async () => {
      if (second !== opened?.store) await second?.close();
      await opened?.close();
    });

    leasesContract(subject);
    runsContract(subject);
    runChangesContract(subject);
    rowsContract(subject);
    groupsContract(subject);
    claimContract(subject);
    settleContract(subject);
    sweepContract(subject);
    syncsContract(subject);
    standingContract(subject);
    gateContract(subject);
    doubtContract(subject);
    verdictsContract(subject);
    staleVerdictsContract(subject);
    decisionsContract(subject);
    portableContract(subject);
    portableGroupsContract(subject);
    concurrencyContract(subject, interleavings);
    interleavingsContract(subject, interleavings);
    paceContract(subject);
    limiterContract(subject);
  });
}
