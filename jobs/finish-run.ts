/** The control job that ends a run whose importer has left it to the workers: asked again until the run is over. */
import type { JobVerdict } from "../src/core/queue.ts";

export interface FinishRunParts {
  /** One look at the run, and whatever it needs to get on. `true`: the run is over, or gone. */
  finishStep(runId: string): Promise<boolean>;
}

const ASK_AGAIN_MS = 1_000;

export function makeFinishRun(parts: FinishRunParts): (runId: string) => Promise<JobVerdict> {
  return async (runId) =>
    (await parts.finishStep(runId)) ? { kind: "done" } : { kind: "again", delayMs: ASK_AGAIN_MS };
}
