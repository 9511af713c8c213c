/** How many calls become the arguments of one script: records of fixed length, and texts sent once. */
import type { RowKey } from "../../core/row.ts";
import type { LeaseId } from "../../core/store.ts";
import type { Argument } from "./script.ts";

/** Texts of one script call, each sent once; records name them by their place in ARGV. */
export class TextList {
  readonly args: Argument[] = [];
  readonly #places = new Map<string, number>();
  readonly #before: number;

  /** `before`: how many arguments stand before the first text. */
  constructor(before: number) {
    this.#before = before;
  }

  place(text: string): number {
    let place = this.#places.get(text);
    if (place === undefined) {
      this.args.push(text);
      place = this.#before + this.args.length;
      this.#places.set(text, place);
    }
    return place;
  }
}

/** One call, as it will lie in its batch: bytes, and the texts whose places are still to be written into them. */
export interface PackedCall {
  bytes: Buffer;
  /** Where in `bytes` the places stand, two bytes each. */
  placesAt: number;
  texts: readonly string[];
}

/** The arguments of a script: the records of all calls one after another, then their texts. */
export function packCalls(calls: readonly PackedCall[]): Argument[] {
  const texts = new TextList(1);
  for (const call of calls) {
    call.texts.forEach((text, index) => {
      call.bytes.writeUInt16LE(texts.place(text), call.placesAt + index * 2);
    });
  }
  return [Buffer.concat(calls.map((call) => call.bytes)), ...texts.args];
}

/** Lease ids are numbers to Redis, so that an entry holds them in four bytes. */
export function leaseNumber(id: LeaseId): number {
  const number = Number(id);
  if (!Number.isInteger(number) || number < 1 || number > 0xffffffff) {
    throw new RangeError(`"${id}" is not a lease of this store`);
  }
  return number;
}

export const KEY_BYTES = 16;
const ROW_KEY_BYTES = KEY_BYTES + 4;

export function packKeys(keys: readonly RowKey[]): Buffer {
  const packed = Buffer.allocUnsafe(keys.length * KEY_BYTES);
  keys.forEach((key, index) => packed.write(key, index * KEY_BYTES, KEY_BYTES, "hex"));
  return packed;
}

export function packRowKeys(rows: readonly { row: number; key: RowKey }[]): Buffer {
  const packed = Buffer.allocUnsafe(rows.length * ROW_KEY_BYTES);
  rows.forEach(({ row, key }, index) => {
    packed.write(key, index * ROW_KEY_BYTES, KEY_BYTES, "hex");
    packed.writeUInt32LE(row, index * ROW_KEY_BYTES + KEY_BYTES);
  });
  return packed;
}
