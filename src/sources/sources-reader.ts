/**
 * Reads sources: once to know what they hold, as far as that is needed or nothing is lost by it, and once for their rows.
 */
import { TraceloadError } from "../core/errors.ts";
import type { SourceOptions, SourcePlan, SourceRow } from "../core/source.ts";
import { DistinctNotes, NotesNotKept, type DistinctRecords } from "./distinct.ts";
import { STDIN } from "./inputs.ts";
import { checkNamedFields } from "./named-fields.ts";
import { changedMeanwhile, readableOnce, traceKey } from "./plan-faults.ts";
import { ReadingNotes } from "./reading-notes.ts";
import type { RecordFormat } from "./record.ts";
import type { RowReading } from "./record-choice.ts";
import { RowWindow } from "./row-window.ts";
import { RowMaker } from "./rows.ts";
import type { SourceText } from "./source-text.ts";
import { type OneTime, type SourceEnvironment, SourceSupply } from "./source-supply.ts";

const BATCH_ROWS = 1000;

/** The places of a source's valid rows among those of all sources that were counted. */
interface Places {
  from: number;
  to: number;
}

/** A source that was looked at. */
interface LookedAt {
  name: string;
  format: RecordFormat;
  reason: string;
  /** Undefined: it was not counted. */
  places: Places | undefined;
  /** Whether what becomes of a row hangs on its place, or it was counted to be shown alone. */
  isHeldToPlaces: boolean;
  notes: ReadingNotes;
}

export class SourcesReader {
  readonly #names: readonly string[];
  readonly #supply: SourceSupply;
  readonly #options: SourceOptions;
  readonly #reading: RowReading;
  #planned: Promise<SourcePlan[]> | undefined;
  /** Of all valid rows of sources that were counted. */
  #distinct: DistinctRecords | undefined;
  /** All of them, once they were looked at for the plan. */
  #looked: LookedAt[] = [];

  constructor(names: readonly string[], once: OneTime, reading: RowReading, environment: SourceEnvironment) {
    const { choices, conditions, options } = reading;
    const chosen = [
      ...Object.values(choices).map((choice) => choice?.path),
      ...conditions.map(({ field }) => field),
    ];
    const columns = chosen.flatMap((path) => path?.name ?? []);
    this.#names = names;
    this.#supply = new SourceSupply(once, environment, { format: options.format, columns });
    this.#options = options;
    this.#reading = reading;
  }

  get readBytes(): number {
    return this.#supply.readBytes;
  }

  plan(signal: AbortSignal): Promise<SourcePlan[]> {
    return (this.#planned ??= this.#plan(signal, { lists: true }));
  }

  seen(): SourcePlan[] {
    return this.#looked.map((looked) => this.#planOf(looked));
  }

  async *rows(signal: AbortSignal): AsyncGenerator<SourceRow[]> {
    await (this.#planned ??= this.#plan(signal, { lists: false }));
    const window = new RowWindow(this.#options);
    try {
      for (const [index, name] of this.#names.entries()) {
        if (window.isOver) return;
        window.nextSource();
        const source = await this.#supply.open(name, signal);
        for await (const some of this.#distinctRowsOf(source, index, signal)) {
          const wanted = window.take(some);
          for (let from = 0; from < wanted.length; from += BATCH_ROWS) {
            signal.throwIfAborted();
            yield wanted.slice(from, from + BATCH_ROWS);
          }
          if (window.isOver) break;
        }
      }
    } finally {
      await this.#supply.close();
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
    const places = looked?.isHeldToPlaces === true ? looked.places : undefined;
    if (places === undefined) {
      if (looked !== undefined && looked.places === undefined) looked.notes = notes;
      yield* this.#rowsOf(source, index, notes, signal);
      return;
    }
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

  /** `lists`: whether sources are counted, too, that need not be. */
  async #plan(signal: AbortSignal, { lists }: { lists: boolean }): Promise<SourcePlan[]> {
    const distinct = new DistinctNotes();
    const window = new RowWindow(this.#options);
    try {
      const looked: LookedAt[] = [];
      for (const [index, name] of this.#names.entries()) {
        const source = await this.#supply.open(name, signal);
        const { format, reason } = source;
        const isHeldToPlaces = this.#isCounted(format, name);
        const notes = new ReadingNotes();
        const one: LookedAt = { name, format, reason, places: undefined, isHeldToPlaces, notes };
        looked.push(one);
        if (isHeldToPlaces) {
          if (!this.#supply.isReadAgain(name)) {
            await source.close();
            throw readableOnce(source.name);
          }
          Object.assign(one, await this.#count(source, index, { distinct }, signal));
          continue;
        }
        await this.#supply.putBack(name, source);
        const list = lists && !window.isOver ? await this.#supply.whole(name, signal) : undefined;
        if (list !== undefined)
          Object.assign(one, await this.#count(list, index, { distinct, window }, signal));
      }
      const isNeeded = looked.some(({ isHeldToPlaces }) => isHeldToPlaces);
      if (distinct.isKept || isNeeded) this.#distinct = distinct.finish();
      else for (const one of looked) one.places = undefined;
      this.#supply.readBytes = 0;
      this.#looked = looked;
      checkNamedFields(looked.map(({ name, notes }) => ({ name: saidName(name), notes })));
      return this.seen();
    } catch (error) {
      await this.#supply.close();
      throw error;
    } finally {
      distinct.close();
    }
  }

  #planOf({ name, format, reason, places, notes }: LookedAt): SourcePlan {
    const count = (set: keyof DistinctRecords) =>
      places === undefined ? 0 : (this.#distinct?.[set].count(places.from, places.to) ?? 0);
    const distinct = { traces: count("firstOfTrace"), spans: count("namedSpans") };
    const isDistinct = this.#isDistinct(format);
    return {
      name,
      format: format.title,
      formatName: format.name,
      reason,
      unit: isDistinct ? (this.#options.unit === "span" ? "span" : "trace") : "line",
      distinct: places === undefined ? undefined : distinct,
      repeated: places === undefined ? undefined : places.to - places.from - count("firstOfSpan"),
      ...notes.seen(saidName(name)),
    };
  }

  /** Reads the source to its end; with a `window`, as far as its rows are wanted. */
  async #count(
    source: SourceText,
    index: number,
    { distinct, window }: { distinct: DistinctNotes; window?: RowWindow },
    signal: AbortSignal,
  ): Promise<Pick<LookedAt, "places" | "notes">> {
    const from = distinct.records;
    const notes = new ReadingNotes();
    window?.nextSource();
    try {
      for await (const rows of this.#rowsOf(source, index, notes, signal)) {
        for (const row of window?.take(rows) ?? rows) {
          if (row.invalid === undefined) distinct.add(traceKey(row), row.spanId);
        }
        if (window?.isOver !== true) continue;
        // More was read at once than is wanted.
        notes.records = window.looked;
        notes.unseen.clear();
        break;
      }
    } catch (error) {
      signal.throwIfAborted();
      // It comes again, behind the rows before it, when they are read to be sent.
      if (!(error instanceof TraceloadError)) throw error;
      const isNamed = this.#isNamed && error.code === "source_columns";
      if (window === undefined && (isNamed || error instanceof NotesNotKept)) throw error;
      notes.unseen.clear();
    }
    return { places: { from, to: distinct.records }, notes };
  }

  /** Whether the source has to be read twice: its rows are distinct ones, what was named must be in it, or it has pages. */
  #isCounted(format: RecordFormat, name: string): boolean {
    const isPage = format.pages === true && this.#supply.isReadAgain(name);
    return this.#isDistinct(format) || this.#isNamed || isPage;
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
      for (const warning of this.#supply.warnings(this.#names[index] ?? "")) notes.warn(warning);
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
