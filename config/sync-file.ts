/** The syncs of a configuration file: read with the place of each value, so that what is wrong can be pointed at. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { TraceloadError } from "../src/core/errors.ts";
import type { SyncPolicy } from "../src/core/syncs.ts";
import { configFilePath, type Environment } from "./load.ts";
import { resolveAll } from "./references.ts";
import { KEEP_REFERENCES } from "./sync-settings.ts";
import { SYNC_NAME, syncFields, syncSchema, type ParsedSync } from "./sync-schema.ts";

export interface FileSync {
  name: string;
  policy: SyncPolicy;
  /** As it is stored: what decides when it runs is resolved, what holds secrets is not; files have whole paths. */
  text: Record<string, unknown>;
}

export interface SyncFile {
  path: string;
  syncs: FileSync[];
}

/** What a file of syncs holds, and of each thing that is wrong with it file, line, column, key and value. */
export interface CheckedSyncs {
  syncs: FileSync[];
  problems: string[];
}

/** Throws `config_invalid` when there is no file, or something in it is wrong: the first thing is named. */
export function readSyncFile(input: SyncFileInput): SyncFile {
  const { path: file, syncs, problems } = checkSyncFile(input);
  const [first] = problems;
  if (first === undefined) return { path: file, syncs };
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  throw new TraceloadError("config_invalid", `${first}${more}`, { next: "traceload sync validate" });
}

export interface SyncFileInput {
  /** As `--config` names it. */
  configFile: string | undefined;
  environment: Environment;
}

/** Throws `config_invalid` when there is no file. */
export function checkSyncFile({ configFile, environment }: SyncFileInput): SyncFile & CheckedSyncs {
  const file = configFilePath(configFile, environment);
  if (file === undefined) {
    throw new TraceloadError("config_invalid", "there is no traceload.yaml here, and --config names none", {
      next: "write one: its form is in docs/reference/syncs.md, an example in examples/traceload.yaml",
    });
  }
  try {
    return { path: file, ...parseSyncs(file, readFileSync(file, "utf8"), environment) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TraceloadError("config_invalid", `${file}: ${reason}`, { cause: error });
  }
}

/** `file` is what the text is called; paths in it are from its directory. */
export function parseSyncs(file: string, text: string, environment: Environment): CheckedSyncs {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, strict: true, uniqueKeys: true });
  const problems: string[] = [];
  const found: FileSync[] = [];
  const complain = (offset: number | undefined, message: string) => {
    const { line, col } = counter.linePos(offset ?? 0);
    problems.push(`${file}:${line}:${col}: ${message}`);
  };
  for (const error of document.errors) complain(error.pos[0], error.message.split("\n")[0] ?? "");
  const syncs = problems.length > 0 ? undefined : document.get("syncs");
  // A plain value there is the setting of that name.
  if (syncs === undefined || syncs === null || typeof syncs === "string") return { syncs: found, problems };
  if (!isMap(syncs)) {
    const offset = offsetOf(document.contents, ["syncs"]);
    complain(offset, "syncs: must be names, each with what belongs to the sync");
    return { syncs: found, problems };
  }
  const values: unknown = syncs.toJS(document);
  for (const [name, value] of Object.entries(values as Record<string, unknown>)) {
    const offset = offsetOf(syncs, [name]);
    if (!SYNC_NAME.test(name)) {
      complain(offset, `${JSON.stringify(name)} is no name for a sync: small letters, digits and - only`);
      continue;
    }
    const directory = path.dirname(path.resolve(file));
    const read = readSync(value, directory, environment);
    if ("problems" in read) {
      for (const { path: place, message } of read.problems) {
        complain(offsetOf(syncs, [name, ...place]), `${["syncs", name, ...place].join(".")}: ${message}`);
      }
      continue;
    }
    found.push({ name, policy: read.sync.policy, text: withWholePaths(read.text, directory) });
  }
  return { syncs: found, problems };
}

interface Problem {
  path: (string | number)[];
  message: string;
}

type Read = { sync: ParsedSync; text: Record<string, unknown> } | { problems: Problem[] };

function readSync(raw: unknown, directory: string, environment: Environment): Read {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return { problems: [{ path: [], message: "must hold a source, and what else belongs to the sync" }] };
  }
  const text: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const [key, value] of Object.entries(withQueries(raw, directory, problems))) {
    // A key with nothing behind it says nothing.
    if (value === null) continue;
    if (KEEP_REFERENCES.has(key)) {
      text[key] = value;
      continue;
    }
    const resolved = resolveAll(value, environment);
    for (const name of resolved.missing) {
      problems.push({ path: [key], message: `\${${name}}: ${name} is not set in this environment` });
    }
    text[key] = resolved.value;
  }
  if (problems.length > 0) return { problems };
  const parsed = syncSchema.safeParse(text);
  if (parsed.success) return { sync: parsed.data, text };
  return { problems: parsed.error.issues.flatMap(problemsOf) };
}

/** Workers have no file of ours: a query that stands in one of its own is taken in. */
function withQueries(raw: object, directory: string, problems: Problem[]): object {
  const text: Record<string, unknown> = { ...raw };
  for (const key of ["query", "body"] as const) {
    const file = text[`${key}-file`];
    if (typeof file !== "string") continue;
    delete text[`${key}-file`];
    try {
      if (text[key] !== undefined)
        problems.push({ path: [`${key}-file`], message: `stands beside ${key}: write one of them` });
      text[key] = readFileSync(path.resolve(directory, file), "utf8").replace(/^\uFEFF/, "");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push({ path: [`${key}-file`], message: reason });
    }
  }
  return text;
}

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const place = issue.path.filter((part) => typeof part !== "symbol");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: [...place, key],
      message: `there is no such key${suggestion(key, place)}`,
    }));
  }
  const isMissing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
  return [{ path: place, message: isMissing ? "is missing" : issue.message }];
}

/** Keys are written with hyphens, and people come with other habits. */
function suggestion(key: string, place: readonly (string | number)[]): string {
  const wanted = key
    .replaceAll("_", "-")
    .replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    .toLowerCase();
  const known = keysAt(place);
  const near = known.find((one) => wanted.startsWith(one) || one.startsWith(wanted));
  if (near !== undefined) return `: write ${near}`;
  return place.length === 0 ? "" : `: write ${known.join(", ")}`;
}

/** The keys that may stand there. */
function keysAt(place: readonly (string | number)[]): string[] {
  let schema: unknown = syncFields;
  for (const part of place) {
    if (schema instanceof z.ZodObject && typeof part === "string") schema = unwrapped(schema.shape[part]);
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unwrapped(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return unwrapped(schema.unwrap());
  return schema instanceof z.ZodArray ? unwrapped(schema.element) : schema;
}

/** A sync as the store has it. Throws `store_schema` when another version wrote it. */
export function readStoredSync(name: string, text: Record<string, unknown>): ParsedSync {
  const parsed = syncSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new TraceloadError("store_schema", `sync ${name} was applied by another version of traceload`, {
    next: "traceload sync apply   (with this version)",
  });
}

function withWholePaths(text: Record<string, unknown>, directory: string): Record<string, unknown> {
  const { files } = text;
  if (files === undefined) return text;
  const listed = (typeof files === "string" ? [files] : files) as string[];
  // A path that begins with a variable is as whole as that is.
  const whole = listed.map((file) => (file.startsWith("${") ? file : path.resolve(directory, file)));
  return { ...text, files: whole };
}

/** Where the value of that path begins, or the nearest part of the path that there is. */
function offsetOf(node: unknown, place: readonly (string | number)[]): number | undefined {
  let offset: number | undefined;
  let current: unknown = node;
  const moveTo = (key: unknown, value: unknown) => {
    if (isNode(key) && key.range) offset = key.range[0];
    current = value;
  };
  for (const part of place) {
    if (isMap(current)) {
      const pair = current.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) return offset;
      moveTo(pair.key, pair.value);
    } else if (isSeq(current)) {
      const item = current.items[Number(part)];
      if (item === undefined) return offset;
      moveTo(item, item);
    } else return offset;
  }
  // At a plain value rather than at its key.
  return isScalar(current) && current.range ? current.range[0] : offset;
}
