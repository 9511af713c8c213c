/** The shared pace in words. Pure. */
import type { PaceView } from "../../core/pace.ts";
import { formatRate, formatShare } from "./human.ts";

/** `slowed to 12/s: 4 % of requests refused`; the state and the reason. */
export function paceText({ phase, ceilingPerSecond, refusedShare }: PaceView): string {
  const rate = formatRate(ceilingPerSecond);
  switch (phase) {
    case "slowed":
      return `slowed to ${rate}: ${formatShare(refusedShare)} of requests refused`;
    case "climbing":
      return `climbing back, at ${rate}`;
    case "reopening":
      return `reopening after a pause, at ${rate}`;
    case "probing":
      return `probing ${rate}`;
    case "settled":
      return `settled at ${rate}, just under what is refused`;
    default:
      return phase satisfies never;
  }
}
