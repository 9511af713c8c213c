/**
 * `node test/manifest/messy.ts FOLDER`: reads every file in the folder's `messy-*` folders, and judges it by what its
 * name demands: to be read, to be refused (as a whole, or some record of it), or either. None may crash, hang, or take
 * much memory. Prints each, then the counts; ends with 1 when something is wrong.
 */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { Found, MessyFile } from "./messy-thread.ts";

const MAX_MS = 20_000;
const HEAP_MIB = 96;
/** Of this process with one thread in it. */
const MAX_PEAK_MIB = 400;

type Demand = "read" | "refuse" | "either";

/** Names as their collections give them: JSONTestSuite's begin with what is demanded. */
const DEMANDS: readonly (readonly [Demand, RegExp])[] = [
  ["read", /nst-y_/],
  ["refuse", /nst-n_/],
  ["either", /nst-i_/],
  // It is UTF-16 with its mark, and whole as such.
  ["either", /invalid_utf8/],
  ["refuse", /latin1|unterminated|trailing_content|empty_array_malformed/],
  // Rows that fit no schema, cells that are odd, and files without a record: no fault of the syntax.
  ["either", /malformed|bad-data|null_byte|line_too_long|empty_(?:array|no_newline)|265\.tubs/],
  ["read", /./],
];

/** Codes that say that the text is not what it should be; a value that is no object is none of them. */
const SYNTAX = new Set(["invalid_json", "unclosed_quote", "line_too_long"]);

const demandOf = (name: string): Demand => DEMANDS.find(([, names]) => names.test(name))?.[0] ?? "read";

function newThread(): Worker {
  return new Worker(new URL("messy-thread.ts", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  });
}

/** What the file holds, or what reading it did that it never may; then the thread is another one. */
async function read(file: MessyFile): Promise<Found | string> {
  try {
    const answered = once(thread, "message", { signal: AbortSignal.timeout(MAX_MS) });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    thread.postMessage(file);
    const [found] = (await answered) as [Found];
    return found.peakMiB > MAX_PEAK_MIB ? `it took ${Math.round(found.peakMiB)} MiB` : found;
  } catch (error) {
    await thread.terminate();
    thread = newThread();
    return error instanceof Error && error.name === "AbortError"
      ? `no end after ${MAX_MS} ms`
      : String(error);
  }
}

/** What is wrong; undefined: it behaves as demanded. */
function faultOf(demand: Demand, { records, broken, fault }: Found): string | undefined {
  const isRefused = fault !== undefined || broken.length > 0 || records === 0;
  const isRead = fault === undefined && !broken.some((code) => SYNTAX.has(code));
  if (demand === "refuse" && !isRefused) return `read as ${records} records`;
  if (demand === "read" && !isRead) return fault ?? broken.join(", ");
  return undefined;
}

function described({ records, broken, fault }: Found): string {
  return [`${records} records`, ...broken, ...(fault === undefined ? [] : [fault])].join("; ");
}

let thread = newThread();
const [folder = "."] = process.argv.slice(2);
const counts = { read: 0, refuse: 0, either: 0, wrong: 0 };
for (const group of readdirSync(folder).filter((name) => name.startsWith("messy-"))) {
  const format = group === "messy-json" ? "json" : "auto";
  for (const name of readdirSync(path.join(folder, group)).sort()) {
    const demand = demandOf(name);
    const found = await read({ file: path.join(folder, group, name), format });
    const wrong = typeof found === "string" ? found : faultOf(demand, found);
    counts[wrong === undefined ? demand : "wrong"] += 1;
    const said = typeof found === "string" ? "" : described(found);
    process.stdout.write(
      `${wrong === undefined ? "right" : "wrong"} ${demand.padEnd(6)} ${group}/${name}  ${wrong ?? said}\n`,
    );
  }
}
await thread.terminate();
process.stdout.write(`${JSON.stringify(counts)}\n`);
process.exitCode = counts.wrong > 0 ? 1 : 0;
