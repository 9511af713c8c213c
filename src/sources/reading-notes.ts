/** What is noted of a source while its records are read, beside their rows. */
import type { SourcePlan } from "../core/source.ts";
import type { CompiledCondition } from "./conditions.ts";
import { FIELD_NAMES, type IdentityField } from "./columns.ts";
import { StrippedZeros } from "./id-damage.ts";

/** A path or field that the user named, and what is typed before it. */
export interface NamedField {
  flag: string;
  name: string;
  /** What it was to give; undefined: it is a condition's. */
  gives: IdentityField | undefined;
}

const MOST_COLUMNS = 3;

export class ReadingNotes {
  records = 0;
  /** IDs that got their zeros back. */
  padded = 0;
  /** Fields that were named, and that no record had so far. */
  readonly unseen = new Set<NamedField>();
  /** The names that stand in the first record. */
  firstNames: string[] | undefined;
  readonly traceZeros = new StrippedZeros(32);
  readonly spanZeros = new StrippedZeros(16);
  readonly #columns: Record<IdentityField, Set<string>> = {
    trace: new Set(),
    span: new Set(),
    group: new Set(),
  };
  readonly #leftOut = new Map<string, { condition: string; records: number; lacking: number }>();
  readonly #passedOver = new Map<string, number>();
  readonly #warnings = new Set<string>();

  column(field: IdentityField, name: string): void {
    this.#columns[field].add(name);
  }

  leaveOut({ text }: CompiledCondition, lacks: boolean): void {
    const count = this.#leftOut.get(text) ?? { condition: text, records: 0, lacking: 0 };
    count.records += 1;
    if (lacks) count.lacking += 1;
    this.#leftOut.set(text, count);
  }

  passOver(what: string): void {
    this.#passedOver.set(what, (this.#passedOver.get(what) ?? 0) + 1);
  }

  warn(message: string): void {
    this.#warnings.add(message);
  }

  #paddedWarning(): string | undefined {
    if (this.padded === 0) return undefined;
    const ids = this.padded === 1 ? "1 ID was given its" : `${this.padded} IDs were given their`;
    return `${ids} leading zeros back (--pad-ids)`;
  }

  /** As the plan shows it; warnings begin with the source's name. */
  seen(name: string): Pick<SourcePlan, "columns" | "records" | "leftOut" | "passedOver" | "warnings"> {
    const column = (field: IdentityField) => {
      const names = [...this.#columns[field]];
      const more = names.length > MOST_COLUMNS ? [`${names.length - MOST_COLUMNS} more`] : [];
      return names.length === 0 ? undefined : [...names.slice(0, MOST_COLUMNS), ...more].join(", ");
    };
    const warnings = [
      ...this.#warnings,
      this.traceZeros.warning(FIELD_NAMES.trace),
      this.spanZeros.warning(FIELD_NAMES.span),
      this.#paddedWarning(),
    ];
    return {
      columns: { trace: column("trace"), span: column("span"), group: column("group") },
      records: this.records,
      leftOut: [...this.#leftOut.values()],
      passedOver: [...this.#passedOver].map(([what, count]) => ({ what, count })),
      warnings: warnings.flatMap((warning) => (warning === undefined ? [] : [`${name}: ${warning}`])),
    };
  }
}
