/** The pace of a run's limiter, for looking at it from outside. */
import { paceView, type PaceView } from "../core/pace.ts";
import { ACTIVE_STATES, apparentState } from "../core/status.ts";
import type { Limiter, Run } from "../core/store.ts";

/** undefined: nobody works on the run, or nothing holds it back but its own limit. */
export async function readPace(
  store: Pick<Limiter, "noteAnswers">,
  run: Pick<Run, "options" | "state" | "owner" | "ownerAlive">,
): Promise<PaceView | undefined> {
  const limiter = run.options["limiter"];
  if (typeof limiter !== "string" || !ACTIVE_STATES.includes(apparentState(run))) return undefined;
  // Nothing is noted: the answer is where the limiter stands.
  return paceView(await store.noteAnswers({ limiter, answered: 0, refused: 0 }));
}
