/** `traceload sync run`: a sync now, in the foreground, or left to a worker. */
import { PROCESS_SETTINGS, RUN_TIMES, SANDBOX_SETTINGS } from "../../../config/setting-lists.ts";
import type { TypedTime } from "../../../config/units.ts";
import { TraceloadError } from "../../core/errors.ts";
import { printableJson } from "../../report/rows-text.ts";
import type { RunEnd } from "../../wire.ts";
import type { Conducting } from "../../wire/conduct.ts";
import { openSyncStore, readSyncFile } from "../../wire/sync-store.ts";
import type { Command } from "../command.ts";
import { conductAtTarget, refuseToDetach } from "../conduct.ts";
import type { Session } from "../session.ts";
import { namedSync, SYNC_POSITIONAL } from "../sync-names.ts";

export const syncRunCommand: Command = {
  positional: SYNC_POSITIONAL,
  settings: [
    ...PROCESS_SETTINGS,
    ...SANDBOX_SETTINGS,
    ...RUN_TIMES,
    "since",
    "until",
    "detach",
    "reportDir",
    "highWater",
  ],
  examples: [
    ["sync run nightly", "what it would do at its next tick, now"],
    ["sync run nightly --since 2026-11-01T00:00:00Z --until 2026-11-08T00:00:00Z", "a week once more"],
  ],
  run: async (session, argv) => {
    const name = namedSync(argv);
    refuseToDetach(session);
    const nowMs = Date.now();
    const { since, until } = session.loaded.settings;
    const window = { since: instantOf(since, nowMs), until: instantOf(until, nowMs) };
    await takeFromFile(session, name);
    if (session.loaded.settings.detach) return leaveToWorkers(session, name, window);
    return runHere(session, name, window);
  },
};

function instantOf(time: TypedTime | undefined, nowMs: number): number | undefined {
  if (time === undefined) return undefined;
  return time.kind === "instant" ? Date.parse(time.at) : nowMs - time.ms;
}

/** One that was not applied is taken from the file, without its schedule: workers leave it alone. */
async function takeFromFile(
  { loaded, environment, configFile, onFault, err }: Session,
  name: string,
): Promise<void> {
  const { settings } = loaded;
  const store = await openSyncStore(settings, onFault);
  try {
    while (!(await store.list()).some((sync) => sync.name === name)) {
      const found = readSyncFile({ configFile, environment }).syncs.find((sync) => sync.name === name);
      if (found === undefined) {
        throw new TraceloadError(
          "sync_not_found",
          `there is no sync ${JSON.stringify(name)} in ${store.name}, nor in the file`,
          {
            next: "traceload sync list",
          },
        );
      }
      const { schedule: _schedule, ...text } = found.text;
      if (!(await store.apply(await store.plan([{ ...found, text }], { prune: false })))) continue;
      if (!settings.quiet) {
        err.stream.write(`sync ${name} was not applied yet: taken from the file, and not scheduled\n`);
      }
    }
  } finally {
    await store.close();
  }
}

interface NamedTimes {
  since: number | undefined;
  until: number | undefined;
}

async function leaveToWorkers(
  { loaded, onFault, out }: Session,
  name: string,
  window: NamedTimes,
): Promise<number> {
  const store = await openSyncStore(loaded.settings, onFault);
  try {
    const { isNew } = await store.request(name, window);
    out.stream.write(
      loaded.settings.json
        ? `${printableJson({ sync: name, requested: true, isNew })}\n`
        : `sync ${name}: a worker runs it${isNew ? "" : "; it was about to, or does so now"}\n`,
    );
    return 4;
  } finally {
    await store.close();
  }
}

async function runHere(session: Session, name: string, window: NamedTimes): Promise<number> {
  const { environment, loaded, out, signal } = session;
  let emptied = false;
  const start = async ({ workplace, note, onProgress }: Conducting): Promise<RunEnd> => {
    const desk = workplace.syncDesk({ environment, onChange: () => undefined }, onProgress);
    const { run, record, error } = await desk.runNow(name, window, signal);
    if (error !== undefined) throw error;
    if (run === undefined) {
      emptied = true;
      throw new TraceloadError("nothing_to_read", `sync ${name}: nothing new (${record.result ?? "ran"})`);
    }
    for (const { traceId, code } of record.carried ?? [])
      note(`carried into the next run: ${traceId} (${code})`);
    return { run, fault: undefined };
  };
  try {
    return await conductAtTarget(session, { start });
  } catch (error) {
    if (!emptied) throw error;
    out.stream.write(
      loaded.settings.json
        ? `${printableJson({ sync: name, result: "empty" })}\n`
        : `sync ${name}: nothing new\n`,
    );
    return 0;
  }
}
