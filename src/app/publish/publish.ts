/** Publishing what a finished run added: the draft of each of its groups, where the run's policy and the verdict allow it. */
import { groupKey } from "../../core/row.ts";
import type { Publication, Run, Store, Verdict } from "../../core/store.ts";
import { publishGroup, type PublishGroupParts } from "./group.ts";
import { type PublishPolicy, publishRefusal } from "./policy.ts";
import { rowPages } from "../row-pages.ts";

export interface PublisherParts extends PublishGroupParts {
  store: PublishGroupParts["store"] & Pick<Store, "getRun" | "changeRun">;
  run: Pick<Run, "runId" | "origin">;
  policy: PublishPolicy;
}

export interface Publisher {
  /**
   * Publishes the drafts that rows of the run were added to, and writes what became of each into the run's verdicts.
   * Repeatable: a draft that is published is left as it is, and one that was asked for is looked up first. What the
   * server does never makes it reject; an abort does, and what was asked for until then stands as asked.
   */
  publish(signal: AbortSignal): Promise<void>;
}

export function makePublisher(parts: PublisherParts): Publisher {
  const { store, policy } = parts;
  const { runId, origin } = parts.run;

  const note = async (datasetGroupId: number, publication: Publication): Promise<void> => {
    const run = await store.getRun(runId);
    const verdict = run?.verdicts.find((one) => one.datasetGroupId === datasetGroupId);
    if (verdict !== undefined) await store.changeRun(runId, { verdict: { ...verdict, publication } });
  };

  const publishOne = async (run: Run, verdict: Verdict, signal: AbortSignal): Promise<Publication> => {
    const { datasetGroupId, publication: before } = verdict;
    const askedAt = isOfItsDraft(verdict) ? before?.askedAt : undefined;
    const draftDatasetId = askedAt === undefined ? verdict.draftDatasetId : before?.draftDatasetId;
    if (draftDatasetId === undefined) return { state: "refused", reason: "the group's draft is not known" };
    // What was asked for is to be known, whatever has been seen since.
    const reason = askedAt === undefined ? publishRefusal(policy, run, verdict) : undefined;
    if (reason !== undefined) return { state: "refused", draftDatasetId, reason };
    return publishGroup(
      parts,
      {
        run,
        datasetGroupId,
        key: groupKey(origin, datasetGroupId),
        draftDatasetId,
        askedAt,
        note: (at) => note(datasetGroupId, { state: "asked", draftDatasetId, askedAt: at }),
      },
      signal,
    );
  };

  return {
    publish: async (signal) => {
      const run = await store.getRun(runId);
      if (run === undefined || policy.when === "never") return;
      const open = run.verdicts.filter(
        (verdict) => verdict.publication?.state !== "published" || !isOfItsDraft(verdict),
      );
      const written = await writtenTo(store, run, open);
      for (const verdict of open) {
        signal.throwIfAborted();
        if (!written.has(verdict)) continue;
        await note(verdict.datasetGroupId, await publishOne(run, verdict, signal));
      }
    },
  };
}

/** A verdict that knows no draft any more has none beside the one that was asked for. */
function isOfItsDraft({ draftDatasetId, publication }: Verdict): boolean {
  return draftDatasetId === undefined || publication?.draftDatasetId === draftDatasetId;
}

/** Those of the verdicts whose drafts rows of the run are in: a draft that it only looked at is not its to publish. */
async function writtenTo(
  store: Pick<Store, "readRows">,
  { runId }: Pick<Run, "runId">,
  verdicts: readonly Verdict[],
): Promise<ReadonlySet<Verdict>> {
  const byGroup = new Map(verdicts.map((verdict) => [verdict.datasetGroupId, verdict]));
  const found = new Set<Verdict>();
  for await (const rows of rowPages(store, runId, ["added"])) {
    for (const row of rows) {
      const verdict = byGroup.get(Number(row.datasetGroupId));
      if (verdict === undefined) continue;
      // The draft of a group with none known is that of its rows, and the verdict says why it is not counted.
      const isItsDraft =
        verdict.draftDatasetId === undefined || row.draftDatasetId === verdict.draftDatasetId;
      if (isItsDraft) found.add(verdict);
    }
    if (found.size === byGroup.size) break;
  }
  return found;
}
