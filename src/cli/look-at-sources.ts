/** What is said of an import's sources before their rows are sent; and, where they are large, that they are being read. */
import type { OpenedSources } from "../core/source.ts";
import { formatShare } from "./show/human.ts";
import { planLines, planWarnings } from "./show/plan-text.ts";

const TOLD_EVERY_MS = 5_000;

/** Resolves with the warnings that the run is to keep. Throws what `plan` throws. */
export async function lookAtSources(
  sources: OpenedSources,
  note: (text: string) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const telling = setInterval(() => {
    const share = sources.readShare();
    note(`reading, nothing is sent yet${share === undefined ? "" : `: ${formatShare(share)}`}`);
  }, TOLD_EVERY_MS);
  try {
    const plans = await sources.plan(signal);
    for (const line of planLines(plans)) note(line);
    const warnings = planWarnings(plans);
    for (const warning of warnings) note(`warning: ${warning}`);
    return warnings;
  } catch (error) {
    if (signal.aborted) note("nothing was sent");
    throw error;
  } finally {
    clearInterval(telling);
  }
}
