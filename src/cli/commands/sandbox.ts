/** `traceload sandbox`: the stand-in API on a port. */
import { once } from "node:events";
import { parseSandboxFlags, startSandbox } from "../../wire/sandbox.ts";
import type { Command } from "../command.ts";

const text = (describe: string) => ({ type: "string" as const, requiresArg: true, describe });
const texts = (describe: string) => ({ ...text(describe), array: true });

export const sandboxCommand: Command = {
  settings: [],
  ownFlags: {
    port: text("port to listen on (default: a free one)"),
    rows: text("ids: rows show their trace and span IDs; opaque: they do not"),
    latency: text("time per request: 20ms or 10ms..50ms"),
    "rate-limit": text("requests let through: 50/s"),
    "rate-limit-answer": text("what the others are told to wait: seconds, date or none"),
    faults: text("share of requests that meet a random fault: 5%"),
    "fault-kinds": text("the faults that --faults draws from: 429,503"),
    seed: text("seed of everything random"),
    fault: texts(
      "a fault for chosen requests: 429@3, close-after-apply@10..20, hang@trace=ID; may be repeated",
    ),
    "seed-rows": text("rows in each group's published version, or none for a group without one"),
    "seed-rate": text("how fast a new draft is filled: 100/s"),
    record: text("file that keeps everything applied, and is read again on start"),
    missing: texts("IDs that begin so do not exist; may be repeated"),
    key: texts("a valid API key (default: any); may be repeated"),
  },
  examples: [
    ["sandbox --port 8787", "then: PROMPTLAYER_BASE_URL=http://127.0.0.1:8787"],
    ["sandbox --faults 5% --seed 7 --record rows.ndjson", "a difficult server that remembers"],
  ],
  run: async (session, argv) => {
    const flags: Record<string, unknown> = {};
    for (const name of Object.keys(sandboxCommand.ownFlags ?? {})) {
      const key = name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
      if (argv[name] !== undefined) flags[key] = argv[name];
    }
    const sandbox = await startSandbox(parseSandboxFlags(flags));
    session.out.stream.write(
      `${session.loaded.settings.json ? JSON.stringify({ url: sandbox.url }) : sandbox.url}\n`,
    );
    if (!session.signal.aborted) await once(session.signal, "abort");
    const applied = sandbox.record.count();
    await sandbox.close();
    if (!session.loaded.settings.quiet) session.err.stream.write(`${applied} rows in the record\n`);
    return 0;
  },
};
