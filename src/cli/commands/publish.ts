/** `traceload publish`: the drafts of a finished run become versions. */
import { EXIT_CODES } from "../../report/exit-code.ts";
import { checkTarget, requireOrigin } from "../../wire.ts";
import type { Command } from "../command.ts";
import { conduct, withTarget } from "../conduct.ts";

export const publishCommand: Command = {
  positional: { name: "run", describe: "the run's id, or latest", many: false },
  settings: [
    "timeout",
    "concurrency",
    "sandbox",
    "reportDir",
    "leaseTtl",
    "lockTime",
    "stalledCheck",
    "sweepInterval",
    "publishWait",
    "sandboxRecord",
  ],
  ownFlags: {
    force: {
      type: "boolean",
      describe: "also where rows did not make it or are unknown, or another writer was seen",
    },
  },
  examples: [
    ["publish latest", "if every row of the run is in its draft, and the draft is verified"],
    ["publish latest --force", "whatever was seen"],
  ],
  run: async (session, argv) => {
    const { signal, loaded } = session;
    const force = argv["force"] === true;
    return withTarget(session, async (target) => {
      const warnings = await checkTarget(target, undefined, signal);
      return conduct(session, target, {
        warnings,
        readShare: () => undefined,
        importArguments: undefined,
        start: async ({ workplace, note, onProgress }) => {
          const found = await workplace.findPublishable(argv["run"] as string);
          requireOrigin(found, target.origin, "publish");
          note(`publishing the drafts of run ${found.runId}`);
          const policy = { when: "if-clean", force } as const;
          const request = { run: found, policy, waitMs: loaded.settings.publishWait };
          const run = await workplace.publish(request, signal, onProgress);
          if (run.counts.added === 0) note("the run added no row: none of its drafts is its own to publish");
          return { run, fault: undefined };
        },
        exitCodeOf: ({ drafts, exitCode }) => {
          if (session.received() !== undefined) return exitCode;
          const isPublished = drafts.some(({ publication }) => publication?.state === "published");
          const isLeft = drafts.some(
            ({ publication }) => (publication?.state ?? "published") !== "published",
          );
          return isPublished && !isLeft ? EXIT_CODES.ok : EXIT_CODES.rowsNotAdded;
        },
      });
    });
  },
};
