/** Which keys a JSON object has, so that another one with the same keys need not be searched again. */
import { isJsonObject } from "./formats/json-object.ts";
import type { JsonObject } from "./record.ts";

/** Of one key's value: the keys in it, as far as they are looked at; else whether it is an object at all. */
type Inner = KeyPattern | boolean;

export class KeyPattern {
  readonly #keys: string[] = [];
  readonly #inner: Inner[] = [];

  /** `isEntered`: whether the keys of the object under `key` count, too, at this depth (0: at the top). */
  constructor(value: JsonObject, isEntered: (key: string, depth: number) => boolean, depth = 0) {
    for (const [key, inner] of Object.entries(value)) {
      this.#keys.push(key);
      const isObject = isJsonObject(inner);
      this.#inner.push(
        isObject && isEntered(key, depth) ? new KeyPattern(inner, isEntered, depth + 1) : isObject,
      );
    }
  }

  /** Whether the object has the same keys in the same order, with objects under the same of them. */
  fits(value: JsonObject): boolean {
    let index = 0;
    // Asked of every record: a list of the keys would have to be made each time.
    for (const key in value) {
      if (key !== this.#keys[index]) return false;
      const found = value[key];
      const inner = this.#inner[index];
      if (isJsonObject(found)) {
        if (inner === false || (inner instanceof KeyPattern && !inner.fits(found))) return false;
      } else if (inner !== false) return false;
      index += 1;
    }
    return index === this.#keys.length;
  }
}
