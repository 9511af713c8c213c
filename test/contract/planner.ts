/** How random operations become calls. */
import { newToken } from "../support/store-fixtures.ts";
import type { Draw, Step } from "./draws.ts";
import type { Call, PlannedClaim } from "./world.ts";

/** Turns draws into calls: fresh tokens, and claims of the past to settle or to repeat. */
export class Planner {
  private readonly claims: PlannedClaim[] = [];
  private readonly lives = [0, 0];
  private readings = 0;

  plan(draws: Draw[], kind: Step["kind"]): Call[] {
    const made: PlannedClaim[] = [];
    // What a reading saw must be certain for the verdict that rests on it, and entries may be forgotten one after the
    // other: neither races anything.
    const alone = draws.find(({ do: what }) => what === "read-doubt" || what === "remove-entries");
    const calls = (alone === undefined ? draws : [alone]).flatMap((draw) => this.callOf(draw, made));
    this.claims.push(...made);
    if (kind !== "two-at-once") return calls;
    // Whether a moment has passed is not decided while two calls race.
    return calls.map((call) =>
      call.do === "claim" ? { do: call.do, claim: Object.assign({}, call.claim, { past: false }) } : call,
    );
  }

  private callOf(draw: Draw, made: PlannedClaim[]): Call[] {
    switch (draw.do) {
      case "claim": {
        const { worker, run, row, past, paused } = draw;
        const claim: PlannedClaim = { run, row, past, paused, token: newToken(), owner: this.owner(worker) };
        made.push(claim);
        return [{ do: "claim", claim }];
      }
      case "claim-again": {
        const claim = this.claims.at(-1 - (draw.pick % this.claims.length));
        return claim === undefined ? [] : [{ do: "claim", claim }];
      }
      case "settle": {
        const claim = this.claims.at(-1 - (draw.pick % this.claims.length));
        const attempts = 1 + (draw.pick % 5);
        return claim === undefined ? [] : [{ do: "settle", claim, settlement: draw.settlement, attempts }];
      }
      case "die": {
        const owner = this.owner(draw.worker);
        this.lives[draw.worker] = (this.lives[draw.worker] ?? 0) + 1;
        return [{ do: "end-lease", owner }];
      }
      case "lock":
      case "unlock":
        return [{ do: draw.do, owner: this.owner(draw.worker) }];
      case "read-doubt":
        this.readings += 1;
        return [{ do: "read-doubt", reading: this.readings }];
      case "commit-verdict": {
        const { kind, row, stepsBack } = draw;
        const reading = this.readings - stepsBack;
        return reading < 1 ? [] : [{ do: "commit-verdict", kind, row, reading }];
      }
      case "put-entry": {
        const { row, state, draftDatasetId } = draw;
        const until = state === "added" ? undefined : 1_000;
        return [{ do: "put-entry", row, entry: { state, token: newToken(), draftDatasetId, until } }];
      }
      case "reconcile":
      case "requeue":
      case "decide":
      case "remove-entries":
      case "sweep":
      case "change-run":
      case "mark-unprocessed":
      case "put-rows":
      case "set-group":
      case "remove-run":
        return [draw];
      default:
        return draw satisfies never;
    }
  }

  private owner(worker: number): string {
    return `worker ${worker}, life ${this.lives[worker]}`;
  }
}
