/** `traceload worker`: serves the runs of a store until it is told to stop. */
import { TraceloadError } from "../../core/errors.ts";
import { checkTarget, openTarget, openWorkplace, systemClock } from "../../wire.ts";
import type { Command } from "../command.ts";
import { visible } from "../show/escape.ts";
import { StoreTrouble } from "../store-trouble.ts";

const LOOK_MS = 1_000;

export const workerCommand: Command = {
  settings: ["concurrency", "timeout", "leaseTtl", "lockTime", "stalledCheck", "sweepInterval"],
  examples: [["worker --store redis://127.0.0.1:6379", "help with the runs on that Redis"]],
  run: async (session) => {
    const { loaded, environment, err, signal } = session;
    const { settings } = loaded;
    if (settings.store.startsWith("pglite:")) {
      throw new TraceloadError(
        "wrong_usage",
        "a worker needs a store that others reach; the embedded one belongs to one process",
        {
          next: "traceload worker --store redis://host:6379",
        },
      );
    }
    const say = (text: string) => {
      if (!settings.quiet) err.stream.write(`${visible(text)}\n`);
    };
    const trouble = new StoreTrouble({ note: say, monotonicMs: () => systemClock.monotonicMs() });
    const onFault = (error: unknown) => {
      session.onFault(error);
      trouble.fault(error);
    };
    const looking = setInterval(() => trouble.look(), LOOK_MS).unref();
    const target = await openTarget(loaded, environment);
    try {
      for (const warning of await checkTarget(target, undefined, signal)) say(`warning: ${warning}`);
      const workplace = await openWorkplace(settings, target, onFault);
      try {
        const { facts } = workplace.store;
        for (const warning of facts.warnings) say(`warning: ${warning}`);
        say(`serving runs of ${facts.name}, sending to ${target.baseUrl} (Ctrl-C to stop)`);
        const onChange = ({ kind, runId }: { kind: string; runId: string }) =>
          say(
            kind === "foreign"
              ? `run ${runId} is of another API or key: left alone`
              : `run ${runId}: ${kind}`,
          );
        await workplace.serve({ onChange, concurrency: settings.concurrency }, signal);
      } finally {
        await workplace.close();
      }
    } finally {
      clearInterval(looking);
      await target.close();
    }
    return 0;
  },
};
