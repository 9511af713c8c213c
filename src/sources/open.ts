/** Opens the sources of an import: the way from what the user named to batches of rows. */
import type { Readable } from "node:stream";
import { TraceloadError } from "../core/errors.ts";
import type { OpenedSources, SourceOptions, SourcePlan, SourceRow } from "../core/source.ts";
import { DistinctNotes, NotesNotKept, type DistinctRecords } from "./distinct.ts";
import { STDIN, expandInputs, sourceFacts } from "./inputs.ts";
import { changedMeanwhile, readableOnce, traceKey } from "./plan-faults.ts";
import { choicesOf } from "./choices.ts";
import { compileConditions } from "./conditions.ts";
import { checkNamedFields } from "./named-fields.ts";
import { ReadingNotes } from "./reading-notes.ts";
import type { RecordFormat } from "./record.ts";
import type { RowReading } from "./record-choice.ts";
import { openRemotes, type RemoteParts, type RemoteSource } from "./remote/open-remote.ts";
import { RowMaker } from "./rows.ts";
import { openSourceText, type SourceText } from "./source-text.ts";

const BATCH_ROWS = 1000;

export interface SourceEnvironment {
  stdin: Readable;
  /** Standard input once more, where it was kept; undefined: it can be read once. */
  stdinAgain?: () => Readable;
  /** What it takes to read addresses; undefined: there can be none. */
  remote?: RemoteParts;
}

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

/** The places of a source's valid rows among those of all sources that were counted. */
interface Places {
  from: number;
  to: number;
}

/** Sources whose bytes come once: of addresses there is a copy. */
interface OneTime {
  pipes: ReadonlySet<string>;
  remotes: ReadonlyMap<string, RemoteSource>;
}

/** A source that was looked at. */
interface LookedAt {
  name: string;
  format: RecordFormat;
  reason: string;
  /** Undefined: it was not counted. */
  places: Places | undefined;
  notes: ReadingNotes;
}

class SourcesReader {
  readBytes = 0;
  readonly #names: readonly string[];
  readonly #once: OneTime;
  readonly #options: SourceOptions;
  readonly #reading: RowReading;
  readonly #environment: SourceEnvironment;
  #planned: Promise<SourcePlan[]> | undefined;
  /** Of all valid rows of sources that were counted. */
  #distinct: DistinctRecords | undefined;
  #stdinReads = 0;
  /** Standard input, pipes and answers that were looked at for the plan, and not read further. */
  readonly #lookedAt = new Map<string, SourceText>();
  /** All of them, once they were looked at for the plan. */
  #looked: LookedAt[] = [];

  constructor(names: readonly string[], once: OneTime, reading: RowReading, environment: SourceEnvironment) {
    this.#names = names;
    this.#once = once;
    this.#options = reading.options;
    this.#reading = reading;
    this.#environment = environment;
  }

  plan(signal: AbortSignal): Promise<SourcePlan[]> {
    return (this.#planned ??= this.#plan(signal));
  }

  seen(): SourcePlan[] {
    return this.#looked.map((looked) => this.#planOf(looked));
  }

  async *rows(signal: AbortSignal): AsyncGenerator<SourceRow[]> {
    await this.plan(signal);
    let left = this.#options.limit ?? Infinity;
    try {
      for (const [index, name] of this.#names.entries()) {
        if (left <= 0) return;
        let toSkip = this.#options.skip;
        const source = await this.#open(name, signal);
        for await (const some of this.#distinctRowsOf(source, index, signal)) {
          const wanted = some.slice(toSkip, toSkip + left);
          toSkip = Math.max(0, toSkip - some.length);
          left -= wanted.length;
          for (let from = 0; from < wanted.length; from += BATCH_ROWS) {
            signal.throwIfAborted();
            yield wanted.slice(from, from + BATCH_ROWS);
          }
          if (left <= 0) break;
        }
      }
    } finally {
      await this.#closeLookedAt();
    }
  }

  /** Rows as they are to be sent. Throws `source_changed` where the source is not what it was when it was counted. */
  async *#distinctRowsOf(
    source: SourceText,
    index: number,
    signal: AbortSignal,
  ): AsyncGenerator<SourceRow[]> {
    const looked = this.#looked[index];
    const notes = new ReadingNotes();
    if (looked?.places === undefined) {
      if (looked !== undefined) looked.notes = notes;
      yield* this.#rowsOf(source, index, notes, signal);
      return;
    }
    const { places } = looked;
    const isDistinct = this.#isDistinct(source.format);
    let place = places.from;
    for await (const rows of this.#rowsOf(source, index, notes, signal)) {
      const distinct: SourceRow[] = [];
      for (const row of rows) {
        if (row.invalid !== undefined) distinct.push(row);
        else if (place >= places.to) {
          yield distinct;
          throw changedMeanwhile(source.name, places, place + 1);
        } else {
          if (!isDistinct || this.#isFirst(row, place)) distinct.push(row);
          place += 1;
        }
      }
      yield distinct;
    }
    if (place < places.to) throw changedMeanwhile(source.name, places, place);
  }

  async #plan(signal: AbortSignal): Promise<SourcePlan[]> {
    const notes = new DistinctNotes();
    try {
      const looked: LookedAt[] = [];
      for (const [index, name] of this.#names.entries()) {
        const source = await this.#open(name, signal);
        const { format, reason } = source;
        const counted = this.#isCounted(source, name)
          ? await this.#count(source, index, notes, signal)
          : undefined;
        looked.push({ name, format, reason, places: undefined, notes: new ReadingNotes(), ...counted });
        if (counted !== undefined) continue;
        if (this.#isOneTime(name)) this.#lookedAt.set(name, source);
        else await source.close();
      }
      this.#distinct = notes.finish();
      this.readBytes = 0;
      this.#looked = looked;
      checkNamedFields(looked.map(({ name, notes }) => ({ name: saidName(name), notes })));
      return this.seen();
    } catch (error) {
      await this.#closeLookedAt();
      throw error;
    } finally {
      notes.close();
    }
  }

  async #closeLookedAt(): Promise<void> {
    for (const source of this.#lookedAt.values()) await source.close();
    this.#lookedAt.clear();
  }

  /** Whether its bytes come once. */
  #isOneTime(name: string): boolean {
    return name === STDIN || this.#once.pipes.has(name) || this.#once.remotes.has(name);
  }

  /** Whether there is a copy of what came once. */
  #isKept(name: string): boolean {
    return this.#once.remotes.has(name) || (name === STDIN && this.#environment.stdinAgain !== undefined);
  }

  #isReadAgain(name: string): boolean {
    return !this.#isOneTime(name) || this.#isKept(name);
  }

  #planOf({ name, format, reason, places, notes }: LookedAt): SourcePlan {
    const count = (set: keyof DistinctRecords) =>
      places === undefined ? 0 : (this.#distinct?.[set].count(places.from, places.to) ?? 0);
    const distinct = { traces: count("firstOfTrace"), spans: count("firstOfSpan") };
    const isDistinct = this.#isDistinct(format);
    return {
      name,
      format: format.title,
      formatName: format.name,
      reason,
      unit: isDistinct ? (this.#options.unit === "span" ? "span" : "trace") : "line",
      distinct: places !== undefined && format.spans ? distinct : undefined,
      repeated: places === undefined ? undefined : places.to - places.from - distinct.spans,
      ...notes.seen(name),
    };
  }

  /** Reads the source to its end. */
  async #count(
    source: SourceText,
    index: number,
    distinct: DistinctNotes,
    signal: AbortSignal,
  ): Promise<Pick<LookedAt, "places" | "notes">> {
    const name = this.#names[index] ?? "";
    if (!this.#isReadAgain(name)) {
      await source.close();
      throw readableOnce(source.name);
    }
    const from = distinct.records;
    const notes = new ReadingNotes();
    try {
      for await (const rows of this.#rowsOf(source, index, notes, signal)) {
        for (const row of rows) if (row.invalid === undefined) distinct.add(traceKey(row), row.spanId);
      }
    } catch (error) {
      signal.throwIfAborted();
      // It comes again, behind the rows before it, when they are read to be sent.
      if (!(error instanceof TraceloadError) || error instanceof NotesNotKept) throw error;
      if (this.#isNamed && error.code === "source_columns") throw error;
      notes.unseen.clear();
    }
    return { places: { from, to: distinct.records }, notes };
  }

  /** Whether the source is read twice: its rows are distinct ones, what was named must be in it, or it has pages. */
  #isCounted({ format }: SourceText, name: string): boolean {
    return this.#isDistinct(format) || this.#isNamed || (format.pages === true && this.#isReadAgain(name));
  }

  /** Whether conditions or paths choose what is sent. */
  get #isNamed(): boolean {
    const { choices, conditions } = this.#reading;
    return conditions.length > 0 || Object.values(choices).some((choice) => choice?.mapped === true);
  }

  #isDistinct(format: RecordFormat): boolean {
    return format.spans || this.#options.unit === "trace";
  }

  /** Whether the valid row at `place` is the first of what a row stands for; takes away the span if that is a trace. */
  #isFirst(row: SourceRow, place: number): boolean {
    if (this.#options.unit === "span") return this.#distinct?.firstOfSpan.has(place) === true;
    row.spanId = "";
    return this.#distinct?.firstOfTrace.has(place) === true;
  }

  async #open(name: string, signal: AbortSignal): Promise<SourceText> {
    const lookedAt = this.#lookedAt.get(name);
    this.#lookedAt.delete(name);
    if (lookedAt !== undefined) return lookedAt;
    const { stdin, stdinAgain } = this.#environment;
    const { choices, conditions } = this.#reading;
    const columns = [
      ...Object.values(choices).map((choice) => choice?.path),
      ...conditions.map(({ field }) => field),
    ];
    return openSourceText(
      {
        name,
        format: this.#options.format,
        remote: this.#once.remotes.get(name),
        columns: columns.flatMap((path) => path?.name ?? []),
        stdin: () => {
          this.#stdinReads += 1;
          return this.#stdinReads === 1 || stdinAgain === undefined ? stdin : stdinAgain();
        },
        onBytes: (bytes) => (this.readBytes += bytes),
      },
      signal,
    );
  }

  /** Rows as the source has them, in pieces of any size. Closes the source. */
  async *#rowsOf(
    source: SourceText,
    index: number,
    notes: ReadingNotes,
    signal: AbortSignal,
  ): AsyncGenerator<SourceRow[]> {
    const maker = new RowMaker({ index, name: source.name, format: source.format }, this.#reading, notes);
    let rows: SourceRow[] = [];
    try {
      for await (const records of source.format.records(source.text, source.name)) {
        maker.take(records, rows);
        yield rows;
        rows = [];
      }
      maker.end(rows);
      yield rows;
    } catch (error) {
      signal.throwIfAborted();
      yield rowsBeforeFault(maker, rows);
      throw error;
    } finally {
      await source.close();
    }
  }
}

/** What messages call a source. */
function saidName(name: string): string {
  return name === STDIN ? "standard input" : name;
}

/** The rows before a fault, those included that waited for more records; the fault itself is what counts then. */
function rowsBeforeFault(maker: RowMaker, rows: SourceRow[]): SourceRow[] {
  try {
    maker.end(rows);
  } catch {
    // Columns that cannot be told matter less than a source that cannot be read.
  }
  return rows;
}
