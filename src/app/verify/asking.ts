/** Questions to the server that end nobody's run: asked at the shared rate, a few times, and answered in any case. */
import type { ApiAnswer } from "../../core/api.ts";
import type { Clock } from "../../core/clock.ts";
import type { Store } from "../../core/store.ts";

export interface AskingOptions {
  store: Pick<Store, "pauseLimiter">;
  clock: Clock;
  limiter: string;
  /** Reads count against the rate, too. */
  takeSlot: (signal: AbortSignal) => Promise<void>;
  retryBaseMs: number;
  retryCapMs: number;
}

/** Repeats a question that is safe to repeat while the server fails; answers the last failure then. */
export type Ask = <T>(call: () => Promise<ApiAnswer<T>>, signal: AbortSignal) => Promise<ApiAnswer<T>>;

const MAX_ATTEMPTS = 5;
const MAX_REFUSALS = 50;

export function makeAsk(options: AskingOptions): Ask {
  const { store, clock, limiter, takeSlot, retryBaseMs, retryCapMs } = options;
  return async (call, signal) => {
    let attempts = 0;
    let refusals = 0;
    for (;;) {
      await takeSlot(signal);
      const answer = await call();
      if (answer.ok) return answer;
      const backoff = Math.min(retryCapMs, retryBaseMs * 2 ** attempts);
      switch (answer.kind) {
        case "rate_limited":
          refusals += 1;
          if (refusals >= MAX_REFUSALS) return answer;
          await store.pauseLimiter(limiter, answer.retryInMs || Math.max(retryBaseMs, backoff));
          break;
        case "server_error":
        case "unreachable":
          attempts += 1;
          if (attempts >= MAX_ATTEMPTS) return answer;
          await clock.sleep(backoff, signal);
          break;
        case "unauthorized":
        case "forbidden":
        case "not_found":
        case "conflict":
        case "rejected":
        case "wrong_endpoint":
          return answer;
        default:
          answer.kind satisfies never;
      }
    }
  };
}
