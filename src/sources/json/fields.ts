/** Fields of documents whose writers may nest them or not. */
import { isJsonObject } from "../formats/json-object.ts";
import type { JsonObject } from "../record.ts";

/** Under a dotted name, whether it is one key or leads down; of a list of values the only one. */
export function fieldOf(document: JsonObject, name: string): unknown {
  let found: unknown = document[name];
  if (found === undefined) {
    found = name.split(".").reduce<unknown>((at, key) => (isJsonObject(at) ? at[key] : undefined), document);
  }
  return Array.isArray(found) && found.length === 1 ? (found[0] as unknown) : found;
}
