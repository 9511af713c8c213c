/** `traceload sync apply`: makes the store's syncs, and their schedules, those of the file. */
import { printableJson } from "../../report/rows-text.ts";
import { isEmpty, openSyncStore, readSyncFile } from "../../wire/sync-store.ts";
import type { Command } from "../command.ts";
import { renderDifferences } from "../show/syncs-text.ts";

export const syncApplyCommand: Command = {
  settings: ["dryRun", "sandbox"],
  ownFlags: {
    prune: { type: "boolean", describe: "remove syncs that the file does not name, or rename them" },
  },
  examples: [
    ["sync apply --dry-run", "what would change"],
    ["sync apply --prune", "the store's syncs are then those of the file, and no other"],
  ],
  run: async ({ configFile, environment, loaded, onFault, out, err }, argv) => {
    const { settings } = loaded;
    const { syncs } = readSyncFile({ configFile, environment });
    const prune = argv["prune"] === true;
    const store = await openSyncStore(settings, onFault);
    try {
      for (;;) {
        const plan = await store.plan(syncs, { prune });
        const nothing = isEmpty(plan);
        const show = () => {
          if (settings.json) {
            const applied = !settings.dryRun;
            out.stream.write(
              `${printableJson({ changed: !nothing, applied, differences: plan.differences })}\n`,
            );
          } else {
            out.stream.write(renderDifferences(plan.differences, { color: out.color }));
            if (nothing) out.stream.write("nothing to change\n");
          }
        };
        if (settings.dryRun || !settings.json) show();
        if (settings.dryRun) return 0;
        if (!(await store.apply(plan))) {
          if (!settings.quiet) err.stream.write("somebody else applied syncs meanwhile; looking again\n");
          continue;
        }
        await store.setSchedules();
        if (settings.json) show();
        return 0;
      }
    } finally {
      await store.close();
    }
  },
};
