/** `traceload doctor`: what is wrong with the key, the API, the store, the settings. */
import { TraceloadError } from "../../core/errors.ts";
import type { Store } from "../../core/store.ts";
import { printableJson } from "../../report/rows-text.ts";
import { checkTarget, openTarget, type Target } from "../../wire.ts";
import { packageVersion } from "../../wire/version.ts";
import { openStore } from "../../wire/stores.ts";
import { viewStoredSyncs } from "../../wire/sync-store.ts";
import type { Command } from "../command.ts";
import type { Session } from "../session.ts";
import { visible } from "../show/escape.ts";
import { resultText, troubleLines } from "../show/syncs-text.ts";
import { counted } from "../../core/counted.ts";

interface Finding {
  check: string;
  verdict: "ok" | "warning" | "wrong" | "skipped";
  message: string;
  next: string | undefined;
}

export const doctorCommand: Command = {
  settings: ["datasetGroup", "timeout", "concurrency", "sandbox"],
  examples: [["doctor -g 42", "is everything ready to import into dataset group 42?"]],
  run: async (session) => {
    const findings: Finding[] = [
      { check: "settings", verdict: "ok", message: settingsText(session), next: undefined },
      {
        check: "node",
        verdict: "ok",
        message: `Node ${process.versions.node}, traceload ${packageVersion()}`,
        next: undefined,
      },
      ...(await checkApi(session)),
      ...(await checkStore(session)),
    ];
    const { out, loaded } = session;
    if (loaded.settings.json) out.stream.write(`${printableJson({ findings })}\n`);
    else for (const finding of findings) out.stream.write(findingText(finding));
    return findings.some(({ verdict }) => verdict === "wrong") ? 3 : 0;
  },
};

async function checkApi(session: Session): Promise<Finding[]> {
  const { loaded, environment, signal } = session;
  let target: Target;
  try {
    target = await openTarget(loaded, environment);
  } catch (error) {
    return [
      wrong("key", error),
      { check: "api", verdict: "skipped", message: "not asked without a key", next: undefined },
    ];
  }
  try {
    const group = loaded.settings.datasetGroup;
    const warnings = await checkTarget(target, group, signal);
    const asked =
      group === undefined ? "the key is good" : `the key is good, and dataset group ${group} is there`;
    return [
      { check: "api", verdict: "ok", message: `${target.baseUrl}: ${asked}`, next: undefined },
      ...warnings.map((message) => warning("api", message)),
    ];
  } catch (error) {
    return [wrong("api", error)];
  } finally {
    await target.close();
  }
}

async function checkStore(session: Session): Promise<Finding[]> {
  try {
    const connection = await openStore(session.loaded.settings, session.onFault);
    try {
      const { name, warnings } = connection.store.facts;
      const runs = await connection.store.listRuns({ limit: 1 });
      const newest = runs[0] === undefined ? "no runs yet" : `newest run ${runs[0].runId} (${runs[0].state})`;
      return [
        { check: "store", verdict: "ok", message: `${name}: ${newest}`, next: undefined },
        ...warnings.map((message) => warning("store", message)),
        ...(await checkSyncs(connection.store)),
      ];
    } finally {
      await connection.close();
    }
  } catch (error) {
    return [wrong("store", error)];
  }
}

async function checkSyncs(store: Store): Promise<Finding[]> {
  const nowMs = await store.now();
  const syncs = await viewStoredSyncs(store, nowMs);
  const found = syncs.flatMap((sync): Finding[] => {
    const { name, health, last } = sync;
    const result = last === undefined ? "" : ` (last: ${resultText(last)})`;
    const messages = troubleLines(sync, nowMs);
    if (health.state === "failing") {
      messages.unshift(`sync ${name} is failing since ${new Date(health.since).toISOString()}${result}`);
    }
    const next = `traceload sync history ${name}`;
    return messages.map((message) => ({ check: "syncs", verdict: "warning", message, next }));
  });
  if (found.length > 0 || syncs.length === 0) return found;
  const message = `${counted(syncs.length, "sync")}, none failing`;
  return [{ check: "syncs", verdict: "ok", message, next: undefined }];
}

function settingsText({ loaded }: Session): string {
  const given = Object.entries(loaded.origins).filter(
    ([, origin]) => origin === "file" || origin === "environment",
  );
  return given.length === 0
    ? "all defaults"
    : `from outside: ${given.map(([name, origin]) => `${name} (${origin})`).join(", ")}`;
}

function warning(check: string, message: string): Finding {
  return { check, verdict: "warning", message, next: undefined };
}

function wrong(check: string, error: unknown): Finding {
  if (!(error instanceof TraceloadError)) throw error;
  return { check, verdict: "wrong", message: error.message, next: error.next };
}

function findingText({ check, verdict, message, next }: Finding): string {
  const line = `${verdict.padEnd(8)} ${check.padEnd(9)} ${visible(message)}\n`;
  return next === undefined ? line : `${line}${" ".repeat(19)}next: ${visible(next)}\n`;
}
