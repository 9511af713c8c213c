/** The reads around drafts, and the pauses they ask for, told to the pace like the rows' own requests. */
import type { Pacer } from "../app/pace/pacer.ts";
import type { ApiAnswer } from "../core/api.ts";
import type { Limiter } from "../core/store.ts";

type Told = Pick<Pacer, "note" | "paused">;

/** The answer of a read, noted once it is there. */
export async function notingAnswer<T>(
  asked: Promise<ApiAnswer<T>>,
  pace: Pick<Told, "note">,
): Promise<ApiAnswer<T>> {
  const answer = await asked;
  if (answer.ok || answer.status !== undefined) pace.note(!answer.ok && answer.kind === "rate_limited");
  return answer;
}

/** `pauseLimiter`, told to the pace as well. */
export function notingPause(store: Pick<Limiter, "pauseLimiter">, pace: Told): Limiter["pauseLimiter"] {
  return (limiter, ms) => {
    pace.paused(ms);
    return store.pauseLimiter(limiter, ms);
  };
}
