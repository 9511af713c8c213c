/** A notice as the JSON that a webhook carries. Fields are added to it, never taken away or given another meaning. */
import type { Notice } from "../core/notices.ts";

export function noticePayload({ kind, at, subject, before, now, reasons, run, next }: Notice): string {
  return JSON.stringify({
    type: `traceload.${kind}`,
    timestamp: new Date(at).toISOString(),
    data: { subject, before, now, reasons, run: run ?? null, next },
  });
}
