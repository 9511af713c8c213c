/** Whether a finished run's draft may be published. Pure: the run's policy, what became of its rows, the verdict. */
import type { Run, Verdict } from "../../core/store.ts";
import { counted } from "../../core/counted.ts";
import { rowsLeftBehind } from "../../core/status.ts";

/** When the drafts of a run are published. */
export const PUBLISH_WHEN = ["never", "if-clean", "always"] as const;
export type PublishWhen = (typeof PUBLISH_WHEN)[number];

export interface PublishPolicy {
  /**
   * - `never`: nothing is asked for.
   * - `if-clean`: when every row of the run was added, now or before, and the draft was verified.
   * - `always`: also beside rows that did not make it; not where another writer was seen.
   */
  when: PublishWhen;
  /** A person wants it whatever was seen. */
  force: boolean;
}

/** Why the draft that the verdict is on is not to be published, in words; undefined: it may be. */
export function publishRefusal(
  { when, force }: PublishPolicy,
  { counts }: Pick<Run, "counts">,
  verdict: Pick<Verdict, "kind" | "reason">,
): string | undefined {
  if (force) return undefined;
  if (when === "never") return "it was not asked for (--publish)";
  if (verdict.kind === "other-writer") return verdict.reason ?? "another writer was seen";
  if (when === "always") return undefined;
  const lost = rowsLeftBehind(counts);
  if (counts.unknown > 0)
    return `${counted(counts.unknown, "row")} of the run ${isOrAre(counts.unknown)} unknown`;
  if (lost > 0) return `${counted(lost, "row")} of the run did not make it`;
  return verdict.kind === "verified" ? undefined : `it is not verified: ${verdict.reason ?? verdict.kind}`;
}

function isOrAre(count: number): string {
  return count === 1 ? "is" : "are";
}
