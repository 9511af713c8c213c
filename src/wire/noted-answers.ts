/** The reads around drafts, and the pauses they ask for, told to the pace like the rows' own requests. */
import type { Pacer } from "../app/pacer.ts";
import type { ApiAnswer } from "../core/api.ts";
import type { Limiter } from "../core/store.ts";

type Told = Pick<Pacer, "note" | "paused">;

/** A read of the API, each request noted once it was answered. */
export function notingRead<A extends unknown[], T>(
  read: (...asked: A) => Promise<ApiAnswer<T>>,
  pace: Told,
): (...asked: A) => Promise<ApiAnswer<T>> {
  return async (...asked) => {
    const answer = await read(...asked);
    if (answer.ok || answer.status !== undefined) pace.note(!answer.ok && answer.kind === "rate_limited");
    return answer;
  };
}

/** `pauseLimiter`, told to the pace as well. */
export function notingPause(store: Pick<Limiter, "pauseLimiter">, pace: Told): Limiter["pauseLimiter"] {
  return (limiter, ms) => {
    pace.paused(ms);
    return store.pauseLimiter(limiter, ms);
  };
}
