/** Paths and fields that the user named and that no record has: a misspelt one must not choose what is sent. */
import type { TraceloadError } from "../core/errors.ts";
import { columnsError, FIELD_NAMES, quoted } from "./columns.ts";
import type { NamedField, ReadingNotes } from "./reading-notes.ts";

interface ReadSource {
  name: string;
  notes: ReadingNotes;
}

/**
 * Throws `source_columns` for a path to trace IDs that a source has nowhere, and for any other field that no source
 * has; where only some have it, the others are warned of. Sources without records say nothing.
 */
export function checkNamedFields(sources: readonly ReadSource[]): void {
  const read = sources.filter(({ notes }) => notes.records > 0);
  for (const source of read) {
    for (const field of source.notes.unseen) {
      const others = read.filter((other) => other !== source && !lacks(other, field));
      if (field.gives === "trace" || others.length === 0) throw nowhere(source, field);
      source.notes.warn(`no record has ${JSON.stringify(field.name)} (${field.flag.trim()})`);
    }
  }
}

function lacks({ notes }: ReadSource, wanted: NamedField): boolean {
  return [...notes.unseen].some(({ flag, name }) => flag === wanted.flag && name === wanted.name);
}

function nowhere({ name, notes }: ReadSource, field: NamedField): TraceloadError {
  const records = notes.records === 1 ? "the only record" : `any of its ${notes.records} records`;
  const gives = field.gives === undefined ? "" : `, which was to give the ${FIELD_NAMES[field.gives]}`;
  return columnsError(
    `${name} has no ${JSON.stringify(field.name)} in ${records}${gives}; the first has ${quoted(notes.firstNames ?? [])}`,
    `Check ${field.flag.trim()}.`,
  );
}
