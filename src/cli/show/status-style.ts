/** How statuses and states are named and coloured, everywhere alike. */
import picocolors from "picocolors";
import type { RowStatus, RunState } from "../../core/status.ts";

export type Colors = ReturnType<typeof picocolors.createColors>;

/** The colours, or none: decided by the caller, from the stream, `NO_COLOR` and `--no-color`. */
export function colorsFor(color: boolean): Colors {
  return picocolors.createColors(color);
}

export function paintStatus(colors: Colors, status: RowStatus): (text: string) => string {
  switch (status) {
    case "added":
      return colors.green;
    case "invalid":
    case "rejected":
    case "failed":
      return colors.red;
    case "unknown":
    case "unprocessed":
      return colors.yellow;
    case "duplicate":
    case "planned":
      return colors.cyan;
    default:
      return status satisfies never;
  }
}

export function paintState(colors: Colors, state: RunState): (text: string) => string {
  switch (state) {
    case "finished":
      return colors.green;
    case "reading":
    case "draining":
    case "verifying":
      return colors.cyan;
    case "stopped":
      return colors.red;
    case "paused":
    case "interrupted":
    case "cancelled":
      return colors.yellow;
    default:
      return state satisfies never;
  }
}

/** What a status means, in a few words beside its count. */
export function statusMeaning(status: RowStatus): string {
  switch (status) {
    case "added":
      return "confirmed by the server";
    case "duplicate":
      return "added before, not sent again";
    case "invalid":
      return "never sent: mend these lines of failed.csv, then import it";
    case "rejected":
      return "refused by the server for good";
    case "failed":
      return "attempts used up, certainly not added";
    case "unknown":
      return "sent, but no answer says whether they landed; held, not sent again";
    case "unprocessed":
      return "not sent";
    case "planned":
      return "would be sent";
    default:
      return status satisfies never;
  }
}
