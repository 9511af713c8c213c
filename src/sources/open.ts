/** Opens the sources of an import: the way from what the user named to batches of rows. */
import type { OpenedSources, SourceOptions } from "../core/source.ts";
import { choicesOf } from "./choices.ts";
import { compileConditions } from "./conditions.ts";
import { STDIN, expandInputs, sourceFacts } from "./inputs.ts";
import { openRemotes } from "./remote/open-remote.ts";
import type { SourceEnvironment } from "./source-supply.ts";
import { SourcesReader } from "./sources-reader.ts";

export type { SourceEnvironment };

/**
 * Opens files, patterns, `-` (standard input) and addresses. Files are found and looked at now, and read when `rows` is
 * called; servers are asked then, too. Throws `source_not_found`, `source_unreadable`, `wrong_usage` for a path or condition
 * that cannot be read, and of addresses `wrong_usage` and `config_invalid`. An aborted signal ends `rows` and `plan` with its reason; files are
 * closed whenever the reader stops.
 */
export async function openSources(
  inputs: string[],
  options: SourceOptions,
  environment: SourceEnvironment,
): Promise<OpenedSources> {
  const found = await expandInputs(inputs);
  const remotes = openRemotes(found, options.remote, environment.remote);
  const facts = await Promise.all(
    found.map(async (name, index) => remotes.get(index)?.facts ?? (await sourceFacts(name))),
  );
  const names = facts.map(({ name }) => name);
  const sizes = facts.map((fact) => fact.sizeBytes);
  const totalBytes = sizes.every((size) => size !== undefined)
    ? sizes.reduce((sum, size) => sum + size, 0)
    : undefined;
  const byName = new Map([...remotes.values()].map((remote) => [remote.facts.name, remote]));
  const pipes = facts.filter(
    ({ name, sizeBytes }) => name !== STDIN && !byName.has(name) && sizeBytes === undefined,
  );
  const once = { pipes: new Set(pipes.map(({ name }) => name)), remotes: byName };
  const choices = choicesOf(options);
  const conditions = await compileConditions(options.where ?? []);
  const reader = new SourcesReader(names, once, { options, choices, conditions }, environment);
  return {
    names,
    addresses: new Map([...remotes].map(([index, { template }]) => [index, template])),
    facts,
    plan: (signal) => reader.plan(signal),
    seen: () => reader.seen(),
    rows: (signal) => reader.rows(signal),
    readShare: () => (totalBytes ? Math.min(1, reader.readBytes / totalBytes) : undefined),
  };
}
