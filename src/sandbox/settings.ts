/** The sandbox's options as they are typed on the command line. */
import { z } from "zod";
import { TraceloadError } from "../core/errors.ts";
import { FAULT_KINDS, parseFault } from "./fault.ts";
import type { FaultRule } from "./fault-script.ts";
import type { SandboxOptions } from "./options.ts";

/** A number typed as a flag reaches this as text or, through a parser that knows better, as a number. */
const typedNumber = z.union([z.number(), z.string().trim().min(1).transform(Number)]);
function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): z.ZodType<number, string | number> {
  const upTo = most === Number.MAX_SAFE_INTEGER ? "" : `, ${most} at most`;
  const message = `is not a whole number, ${least} at least${upTo}`;
  return typedNumber.pipe(z.int(message).min(least, message).max(most, message));
}
const several = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

const latency = z.string().transform((text, context) => {
  const ends = text.split("..").map(durationMs);
  const [least, most] = ends;
  if (least !== undefined && ends.length === 1) return least;
  if (least !== undefined && most !== undefined && ends.length === 2 && least <= most) {
    return [least, most] as const;
  }
  return complain(context, "is no time: write 20ms, 1.5s or 10ms..50ms");
});

const perSecond = z.union([z.string(), z.number()]).transform((given, context) => {
  const match = /^(\d+(?:\.\d+)?)(?:\/(s|m|h))?$/.exec(String(given).trim());
  const count = Number(match?.[1] ?? 0);
  if (count <= 0) return complain(context, "is no rate: write 50/s or 600/m");
  return count / SECONDS[match?.[2] ?? "s"]!;
});
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

const share = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text.trim());
  const rate = match === null ? Number(text) : Number(match[1]) / 100;
  return rate >= 0 && rate <= 1 && text.trim() !== ""
    ? rate
    : complain(context, "is no share: write 5% or 0.05");
});

const faultRule = z.string().transform((text, context): FaultRule => {
  const at = text.indexOf("@");
  const fault = at === -1 ? text : text.slice(0, at);
  const where = at === -1 ? "" : text.slice(at + 1);
  if (parseFault(fault) === undefined) {
    return complain(context, `is no fault the sandbox knows. Faults are:\n  ${FAULT_KINDS.join("\n  ")}`);
  }
  const named = /^(trace|span)=(.+)$/.exec(where);
  if (named?.[1] === "trace") return { fault, traceId: named[2]! };
  if (named?.[1] === "span") return { fault, spanId: named[2]! };
  const [first, last] = where.split("..").map(Number);
  if (isPosition(first) && last === undefined) return { fault, nth: first };
  if (isPosition(first) && isPosition(last) && first <= last) return { fault, nth: [first, last] };
  return complain(
    context,
    "does not say which request: write <fault>@3, <fault>@10..20, <fault>@trace=<id> or <fault>@span=<id>",
  );
});

const flagsSchema = z.object({
  port: wholeNumber(0, 65_535).optional(),
  rows: z.enum(["ids", "opaque"], "is neither ids nor opaque").optional(),
  latency: latency.optional(),
  rateLimit: perSecond.pipe(z.number().min(1, "is too slow: at least 1/s")).optional(),
  rateLimitAnswer: z.enum(["seconds", "date", "none"], "is none of seconds, date and none").optional(),
  faults: share.optional(),
  faultKinds: z
    .string()
    .transform((text) => text.split(",").map((kind) => kind.trim()))
    .refine(
      (kinds) => kinds.every((kind) => parseFault(kind) !== undefined),
      `names a fault the sandbox does not know. Faults are:\n  ${FAULT_KINDS.join("\n  ")}`,
    )
    .optional(),
  seed: wholeNumber(0, 2 ** 32 - 1).optional(),
  fault: several.pipe(z.array(faultRule)).optional(),
  seedRows: z.union([z.literal("none").transform(() => null), wholeNumber(0)]).optional(),
  seedRate: perSecond.optional(),
  record: z.string().min(1).optional(),
  missing: several.optional(),
  key: several.optional(),
});

/** The flags of `traceload sandbox`, as yargs gives them; others beside them are left alone. */
export type SandboxFlags = z.input<typeof flagsSchema>;

/** The options that the flags mean. Throws `wrong_usage`, naming the flag and its value. */
export function parseSandboxFlags(flags: SandboxFlags): SandboxOptions {
  const parsed = flagsSchema.safeParse(flags);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0] ?? "");
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const given = (flags as Record<string, unknown>)[name];
    const at = issue?.path[1];
    const value: unknown = Array.isArray(given) && typeof at === "number" ? given[at] : given;
    throw new TraceloadError(
      "wrong_usage",
      `${flag} ${JSON.stringify(value)} ${issue?.message ?? "is wrong"}`,
      {
        next: "traceload sandbox --help",
      },
    );
  }
  const { data } = parsed;
  const missing = data.missing;
  return {
    ...(data.port !== undefined && { port: data.port }),
    ...(data.rows !== undefined && { rows: data.rows }),
    ...(data.latency !== undefined && { latencyMs: data.latency }),
    ...(data.rateLimit !== undefined && { rateLimitPerSecond: data.rateLimit }),
    ...(data.rateLimitAnswer !== undefined && { rateLimitRetryAfter: data.rateLimitAnswer }),
    ...(data.faults !== undefined && { faultRate: data.faults }),
    ...(data.faultKinds !== undefined && { faultKinds: data.faultKinds }),
    ...(data.seed !== undefined && { seed: data.seed }),
    ...(data.fault !== undefined && { script: data.fault }),
    ...(data.seedRows !== undefined && { seedRows: data.seedRows }),
    ...(data.seedRate !== undefined && { seedRowsPerSecond: data.seedRate }),
    ...(data.record !== undefined && { recordFile: data.record }),
    ...(data.key !== undefined && { keys: data.key }),
    ...(missing !== undefined && {
      missingTrace: (traceId: string) => missing.some((prefix) => traceId.startsWith(prefix)),
      missingSpan: (_traceId: string, spanId: string) => missing.some((prefix) => spanId.startsWith(prefix)),
    }),
  };
}

function durationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text.trim());
  if (match === null) return undefined;
  const unitMs = match[2] === "ms" ? 1 : match[2] === "s" ? 1000 : 60_000;
  return Number(match[1]) * unitMs;
}

function isPosition(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 1;
}

function complain(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: "custom", message });
  return z.NEVER;
}
