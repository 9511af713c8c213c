/** Every command there is, in the order of the help. A command's own module is loaded when it is typed. */
import type { CommandEntry, CommandGroup } from "./command.ts";

export const COMMANDS: readonly (CommandEntry | CommandGroup)[] = [
  {
    usage: "import [files..]",
    describe: "add the traces listed in files, or by a server, to datasets, and report on every row",
    load: async () => (await import("./commands/import.ts")).importCommand,
  },
  {
    usage: "resume [run]",
    describe: "carry on a run that was interrupted, stopped or paused",
    load: async () => (await import("./commands/resume.ts")).resumeCommand,
  },
  {
    usage: "rerun <run>",
    describe: "try the rows of a run again that did not make it, as a new run",
    load: async () => (await import("./commands/rerun.ts")).rerunCommand,
  },
  {
    usage: "verify [run]",
    describe: "settle a run's unknown rows by asking the server",
    load: async () => (await import("./commands/verify.ts")).verifyCommand,
  },
  {
    usage: "publish <run>",
    describe: "publish the drafts that a finished run added to",
    load: async () => (await import("./commands/publish.ts")).publishCommand,
  },
  {
    usage: "status [run]",
    describe: "show the runs of a store, or one run",
    load: async () => (await import("./commands/status.ts")).statusCommand,
  },
  {
    usage: "report <run>",
    describe: "write a run's report again, to any directory",
    load: async () => (await import("./commands/report.ts")).reportCommand,
  },
  {
    usage: "pause [run]",
    describe: "stop sending a run's rows, in every process, until it is resumed",
    load: async () => (await import("./commands/pause.ts")).pauseCommand,
  },
  {
    usage: "cancel <run>",
    describe: "give a run up: the rows that were not sent stay unprocessed",
    load: async () => (await import("./commands/cancel.ts")).cancelCommand,
  },
  {
    usage: "worker",
    describe: "serve all runs of a store, until told to stop",
    load: async () => (await import("./commands/worker.ts")).workerCommand,
  },
  {
    group: "sync",
    describe: "saved imports: check the file, apply it, run one, see what became of them",
    commands: [
      {
        usage: "sync validate",
        describe: "check the syncs of the configuration file",
        load: async () => (await import("./commands/sync-validate.ts")).syncValidateCommand,
      },
      {
        usage: "sync apply",
        describe: "make the store's syncs and schedules those of the file",
        load: async () => (await import("./commands/sync-apply.ts")).syncApplyCommand,
      },
      {
        usage: "sync list",
        describe: "last run, next run, state and lag of each sync",
        load: async () => (await import("./commands/sync-list.ts")).syncListCommand,
      },
      {
        usage: "sync run <name>",
        describe: "run a sync now",
        load: async () => (await import("./commands/sync-run.ts")).syncRunCommand,
      },
      {
        usage: "sync history <name>",
        describe: "what became of each tick of a sync",
        load: async () => (await import("./commands/sync-history.ts")).syncHistoryCommand,
      },
      {
        usage: "sync pause <name>",
        describe: "skip a sync's ticks until it is resumed",
        load: async () => (await import("./commands/sync-pause.ts")).syncPauseCommand,
      },
      {
        usage: "sync resume <name>",
        describe: "let a paused sync run again when it is due",
        load: async () => (await import("./commands/sync-resume.ts")).syncResumeCommand,
      },
      {
        usage: "sync remove <name>",
        describe: "forget a sync, its watermark and its history",
        load: async () => (await import("./commands/sync-remove.ts")).syncRemoveCommand,
      },
      {
        usage: "sync schema",
        describe: "print the configuration file's form as a JSON Schema",
        load: async () => (await import("./commands/sync-schema.ts")).syncSchemaCommand,
      },
    ],
  },
  {
    group: "ledger",
    describe: "look into the ledger, decide held rows, move it to another store",
    commands: [
      {
        usage: "ledger get [trace-id] [span-id]",
        describe: "what the ledger knows of one row",
        load: async () => (await import("./commands/ledger-get.ts")).ledgerGetCommand,
      },
      {
        usage: "ledger mark <decision> [trace-id] [span-id]",
        describe: "a person decides: the row is in the draft, or it is not",
        load: async () => (await import("./commands/ledger-mark.ts")).ledgerMarkCommand,
      },
      {
        usage: "ledger export [file]",
        describe: "write the ledger to a file, to take it to another store",
        load: async () => (await import("./commands/ledger-export.ts")).ledgerExportCommand,
      },
      {
        usage: "ledger import <file>",
        describe: "take over a ledger that was exported from another store",
        load: async () => (await import("./commands/ledger-import.ts")).ledgerImportCommand,
      },
      {
        usage: "ledger prune",
        describe: "forget the rows that were added to a dataset group",
        load: async () => (await import("./commands/ledger-prune.ts")).ledgerPruneCommand,
      },
    ],
  },
  {
    usage: "doctor",
    describe: "check the key, the API, the store and the settings",
    load: async () => (await import("./commands/doctor.ts")).doctorCommand,
  },
  {
    usage: "sandbox",
    describe: "run a stand-in for PromptLayer's API on this machine",
    load: async () => (await import("./commands/sandbox.ts")).sandboxCommand,
  },
];
