/** Entries of the ledger as people decide them and as other stores hand them over, on Redis. */
import type { GroupKey, RowKey } from "../../core/row.ts";
import type { Ledger, LedgerNote, PortableEntry, SeenEntry } from "../../core/store.ts";
import { ENTRY_STATES } from "./layout.ts";
import { KEY_BYTES, packCalls, packKeys, type PackedCall } from "./packing.ts";
import { readPortable } from "./records.ts";
import { replyBytes, replyList, replyMap, replyNumber } from "./replies.ts";
import type { Reply, ScriptRunner } from "./script.ts";
import { decideScript, readNotesScript } from "./scripts/decide.ts";
import {
  BUCKETS,
  ENTRIES_A_CALL,
  putEntriesScript,
  readEntriesScript,
  removeEntriesScript,
} from "./scripts/entries.ts";

const ENTRY_BYTES = 39;

/** Where a walk over all entries stands. */
interface Place {
  bucket: number;
  inside: string;
}
const BEGINNING: Place = { bucket: 0, inside: "0" };

export type RedisEntries = Pick<
  Ledger,
  "decide" | "readNotes" | "readEntries" | "putEntries" | "removeEntries"
>;

export function createEntries(runner: ScriptRunner): RedisEntries {
  /** Where the last removal of a group's entries ended: what lies before need not be looked at again at once. */
  const removedUpTo = new Map<GroupKey, Place>();

  return {
    decide: async ({ key, group, decision, draftDatasetId, by, why, seen }) => {
      const note = JSON.stringify({ by, decision, why });
      const about = [packKeys([key]), key, group] as const;
      const decided = [decision, draftDatasetId ?? "", note] as const;
      return replyNumber(await runner.run(decideScript, ...about, ...decided, packSeen(seen))) === 1;
    },

    readNotes: async (key) => replyList(await runner.run(readNotesScript, key)).map(noteOf),

    readEntries: async ({ cursor, limit }) => {
      const entries: PortableEntry[] = [];
      let place = cursor === undefined ? BEGINNING : placeOf(cursor);
      while (entries.length < limit && place.bucket < BUCKETS) {
        const wanted = Math.min(ENTRIES_A_CALL, limit - entries.length);
        const reply = replyList(await runner.run(readEntriesScript, place.bucket, place.inside, wanted));
        entries.push(...portableEntries(replyList(reply[2] ?? []), replyMap(reply[3])));
        place = nextPlace(reply);
      }
      const more = place.bucket < BUCKETS;
      return { entries, cursor: more ? `${place.bucket}:${place.inside}` : undefined };
    },

    putEntries: async (entries) => {
      if (entries.length === 0) return 0;
      return replyNumber(await runner.run(putEntriesScript, ...packCalls(entries.map(packEntry))));
    },

    removeEntries: async (group, limit) => {
      let place = removedUpTo.get(group) ?? BEGINNING;
      let fromBeginning = place === BEGINNING;
      let removed = 0;
      while (removed < limit) {
        if (place.bucket >= BUCKETS) {
          place = BEGINNING;
          if (fromBeginning) break;
          fromBeginning = true;
        }
        const wanted = Math.min(ENTRIES_A_CALL, limit - removed);
        const reply = replyList(
          await runner.run(removeEntriesScript, place.bucket, place.inside, wanted, group),
        );
        removed += replyNumber(reply[2]);
        place = nextPlace(reply);
      }
      if (place === BEGINNING) removedUpTo.delete(group);
      else removedUpTo.set(group, place);
      return removed;
    },
  };
}

function nextPlace(reply: readonly Reply[]): Place {
  return { bucket: replyNumber(reply[0]), inside: replyBytes(reply[1]).toString() };
}

function placeOf(cursor: string): Place {
  const [, bucket, inside] = /^(\d{1,5}):(\d{1,20})$/.exec(cursor) ?? [];
  if (bucket === undefined || inside === undefined) {
    throw new RangeError(`"${cursor}" is not a cursor of this store`);
  }
  return { bucket: Number(bucket), inside };
}

function portableEntries(found: readonly Reply[], groups: ReadonlyMap<string, string>): PortableEntry[] {
  const entries: PortableEntry[] = [];
  for (let n = 0; n < found.length; n += 2) {
    const key = replyBytes(found[n]).toString("hex") as RowKey;
    const { groupSeq, ...entry } = readPortable(key, replyBytes(found[n + 1]));
    entries.push({ ...entry, group: (groups.get(String(groupSeq)) ?? "") as GroupKey });
  }
  return entries;
}

function packEntry({ key, group, state, token, draftDatasetId, until }: PortableEntry): PackedCall {
  const bytes = Buffer.allocUnsafe(ENTRY_BYTES);
  bytes.write(key, 0, KEY_BYTES, "hex");
  bytes.writeUInt8(ENTRY_STATES.indexOf(state) + 1, 16);
  bytes.write(token, 17, 8, "hex");
  bytes.writeUIntLE(draftDatasetId ?? 0, 25, 6);
  bytes.writeUIntLE(Math.ceil(until ?? 0), 31, 6);
  return { bytes, placesAt: 37, texts: [group] };
}

function packSeen(seen: SeenEntry | undefined): Buffer {
  if (seen === undefined) return Buffer.alloc(0);
  if (seen === "none") return Buffer.alloc(1);
  return Buffer.concat([Buffer.of(ENTRY_STATES.indexOf(seen.state) + 1), Buffer.from(seen.token, "hex")]);
}

function noteOf(reply: Reply): LedgerNote {
  const text = replyBytes(reply).toString();
  const end = text.indexOf(" ");
  return { at: Number(text.slice(0, end)), ...(JSON.parse(text.slice(end)) as Omit<LedgerNote, "at">) };
}
