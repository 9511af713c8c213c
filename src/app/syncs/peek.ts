/** Whether sources hold anything: their first rows are read, and not lost. */
import type { OpenedSources, SourceRow } from "../../core/source.ts";

/** Undefined: there is no row. Throws what reading throws before the first one. */
export async function peeked(
  sources: OpenedSources,
  signal: AbortSignal,
): Promise<OpenedSources | undefined> {
  let begun: AsyncIterator<SourceRow[]> | undefined = sources.rows(signal)[Symbol.asyncIterator]();
  const first = await begun.next();
  if (first.done === true) return undefined;
  return {
    ...sources,
    plan: (planSignal) => sources.plan(planSignal),
    seen: () => sources.seen(),
    readShare: () => sources.readShare(),
    async *rows(rowsSignal) {
      if (begun === undefined) {
        yield* sources.rows(rowsSignal);
        return;
      }
      const rest = begun;
      begun = undefined;
      try {
        yield first.value;
        for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
          rowsSignal.throwIfAborted();
          yield next.value;
        }
      } finally {
        await rest.return?.();
      }
    },
  };
}
