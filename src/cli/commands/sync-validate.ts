/** `traceload sync validate`: is the file right, and when would its syncs run? */
import { printableJson } from "../../report/rows-text.ts";
import { checkSyncFile, nextDue } from "../../wire/sync-store.ts";
import type { Command } from "../command.ts";
import { visible } from "../show/escape.ts";

export const syncValidateCommand: Command = {
  settings: [],
  examples: [
    ["sync validate --config config/traceload.yaml", "what is wrong with that file, if anything is"],
  ],
  run: async ({ configFile, environment, loaded, out }) => {
    const { path, syncs, problems } = checkSyncFile({ configFile, environment });
    const found = syncs.map(({ name, policy: { schedule } }) => ({
      name,
      nextAt: schedule && new Date(nextDue({ ...schedule, sync: name }, Date.now())).toISOString(),
    }));
    if (loaded.settings.json) {
      out.stream.write(`${printableJson({ file: path, problems, syncs: found })}\n`);
    } else {
      const lines =
        problems.length > 0
          ? problems
          : found.map(
              ({ name, nextAt }) =>
                `${name}: ok, ${nextAt === undefined ? "not scheduled" : `next at ${nextAt}`}`,
            );
      for (const line of lines) out.stream.write(`${visible(line)}\n`);
      if (lines.length === 0) out.stream.write(`${visible(path)}: no syncs\n`);
    }
    return problems.length > 0 ? 3 : 0;
  },
};
