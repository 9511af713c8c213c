/**
 * What this process was told to be stored, and may have to tell again: the claims it was granted and has not settled,
 * and the settlements of the last seconds, as they were sent. A settlement is kept with its batch, packed: at 8,000
 * rows a second some 3 MB in all.
 */
import { CLAIM_RECORD } from "./layout.ts";
import { packCalls, type PackedCall } from "./packing.ts";
import type { Argument, ScriptRunner } from "./script.ts";
import { reclaimScript, resettleScript } from "./scripts/recovery.ts";

/** A claim on its way: `token` names it, `holdMs` is how long it holds from the store's time on. */
export interface ClaimCall extends PackedCall {
  token: string;
  holdMs: number;
}

export interface SettleCall extends PackedCall {
  token: string;
  /** Of the request: an outcome that is not known needs its claim before it can be told again. */
  isUnknown: boolean;
}

interface Granted {
  call: PackedCall;
  untilMs: number;
}

export interface Told {
  /** `isClaimed` of each call; `now` on the store's clock, when they were granted. */
  claimed(calls: readonly ClaimCall[], isClaimed: readonly boolean[], now: number): void;
  /** Acknowledged: `args` are what the settle script was given. */
  settled(calls: readonly SettleCall[], args: readonly Argument[]): void;
  /** Tells it again. Repeatable: the store knows what it has. */
  tellAgain(runner: Pick<ScriptRunner, "run">): Promise<void>;
  /** With `false` nothing is kept: the server forgets nothing. */
  keep(wanted: boolean): void;
}

/** Redis syncs its log once a second, and may be a second late with it. */
const KEEP_MS = 5_000;
const DROP_EACH_MS = 1_000;
const CALLS_AT_ONCE = 128;

export function createTold(monotonicMs: () => number): Told {
  const open = new Map<string, Granted>();
  let settlements: { at: number; args: readonly Argument[] }[] = [];
  let leftUnknown: { at: number; granted: Granted }[] = [];
  let isKeeping = true;

  const isRecent = ({ at }: { at: number }): boolean => at > monotonicMs() - KEEP_MS;

  /** Once a second: a list that gave up its first item with each new one would be moved each time. */
  const dropOld = <T extends { at: number }>(list: T[]): T[] => {
    const [first] = list;
    return first === undefined || first.at > monotonicMs() - KEEP_MS - DROP_EACH_MS
      ? list
      : list.filter(isRecent);
  };

  return {
    claimed: (calls, isClaimed, now) => {
      if (!isKeeping) return;
      for (const [index, call] of calls.entries()) {
        if (isClaimed[index] === true) open.set(call.token, { call, untilMs: now + call.holdMs });
      }
    },
    settled: (calls, args) => {
      if (!isKeeping) return;
      const at = monotonicMs();
      leftUnknown = dropOld(leftUnknown);
      for (const { token, isUnknown } of calls) {
        const granted = open.get(token);
        open.delete(token);
        if (isUnknown && granted !== undefined) leftUnknown.push({ at, granted });
      }
      settlements = dropOld(settlements);
      settlements.push({ at, args: args.map(unpooled) });
    },
    tellAgain: async (runner) => {
      const claims = [...open.values(), ...leftUnknown.filter(isRecent).map(({ granted }) => granted)];
      for (let from = 0; from < claims.length; from += CALLS_AT_ONCE) {
        const some = claims.slice(from, from + CALLS_AT_ONCE);
        await runner.run(reclaimScript, ...packCalls(some.map(packGranted)));
      }
      // Those that were acknowledged meanwhile, too: they may have come before their claims.
      for (const { args } of settlements.filter(isRecent)) await runner.run(resettleScript, ...args);
    },
    keep: (wanted) => {
      isKeeping = wanted;
      if (wanted) return;
      open.clear();
      settlements = [];
      leftUnknown = [];
    },
  };
}

/** A part of Node's pool of small buffers would keep eight kilobytes of it from being used again. */
function unpooled(argument: Argument): Argument {
  if (!Buffer.isBuffer(argument)) return argument;
  const own = Buffer.allocUnsafeSlow(argument.length);
  argument.copy(own);
  return own;
}

/** The claim's own record, with its end in the place of its length, and without the limiter. */
function packGranted({ call, untilMs }: Granted): PackedCall {
  const { bytes, texts } = call;
  const packed = Buffer.allocUnsafe(CLAIM_RECORD);
  bytes.copy(packed, 0, 0, 28);
  packed.writeUIntLE(untilMs, 28, 6);
  bytes.copy(packed, 34, 32, 36);
  bytes.copy(packed, 42, 42, CLAIM_RECORD);
  return { bytes: packed, placesAt: 38, texts: texts.slice(0, 2) };
}
