/** Other runs in a group that is about to be published, and drafts whose publication traceload has asked for. */
import { ACTIVE_STATES, apparentState } from "../../core/status.ts";
import type { Run, Store } from "../../core/store.ts";
import { runOptions } from "../run-options.ts";
import { rowPages } from "../row-pages.ts";

/** A run that may still add rows to the group: one that goes on and has rows of it, or reads what may be such. */
export async function findOtherWriter(
  store: Pick<Store, "listRuns" | "readRows">,
  run: Pick<Run, "runId" | "origin">,
  datasetGroupId: number,
): Promise<string | undefined> {
  for (const other of await store.listRuns({ states: ACTIVE_STATES })) {
    if (other.runId === run.runId || other.origin !== run.origin) continue;
    if (!ACTIVE_STATES.includes(apparentState(other))) continue;
    if (readsFor(other, datasetGroupId)) return other.runId;
    for await (const rows of rowPages(store, other.runId, ["queued", "unknown"])) {
      if (rows.some((row) => Number(row.datasetGroupId) === datasetGroupId)) return other.runId;
    }
  }
  return undefined;
}

/** Whether what the run still reads goes to the group unless its rows say otherwise. */
function readsFor(run: Run, datasetGroupId: number): boolean {
  if (run.state !== "reading") return false;
  const options = runOptions.safeParse(run.options);
  // What another version of traceload reads is not known.
  return !options.success || options.data.reading?.mapping.datasetGroupId === datasetGroupId;
}

/** Runs that are looked at for a publication that is under way: it is over, or given up, within minutes. */
const RECENT_RUNS = 100;

/** Whether traceload itself has asked for this draft to be published. */
export async function isAskedToPublish(
  store: Pick<Store, "listRuns">,
  {
    origin,
    datasetGroupId,
    draftDatasetId,
  }: { origin: string; datasetGroupId: number; draftDatasetId: number },
): Promise<boolean> {
  const runs = await store.listRuns({ limit: RECENT_RUNS });
  return runs.some(
    (run) =>
      run.origin === origin &&
      run.verdicts.some(
        ({ datasetGroupId: group, publication }) =>
          group === datasetGroupId &&
          publication?.draftDatasetId === draftDatasetId &&
          publication.askedAt !== undefined,
      ),
  );
}
