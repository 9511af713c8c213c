/** What a person decides about rows, as it was typed: which way, why, in which draft, and who it is. */
import { TraceloadError } from "../core/errors.ts";
import { thisPerson, type DecisionPlan } from "../wire/ledger.ts";
import { typedText } from "./ledger-address.ts";

const MAX_WHY_CHARS = 1_000;

type Argv = Readonly<Record<string, unknown>>;

/** Throws `wrong_usage`. */
export function readPlan(argv: Argv): DecisionPlan {
  const decision = argv["decision"];
  if (decision !== "added" && decision !== "absent") {
    throw new TraceloadError("wrong_usage", `ledger mark: added or absent, not ${JSON.stringify(decision)}`, {
      next: "traceload ledger mark --help",
    });
  }
  const why = typedText(argv, "why")?.trim() ?? "";
  if (why === "") {
    throw new TraceloadError("wrong_usage", "--why: say how it was found out; it is kept beside the row", {
      next: `the same command with --why 'looked into the draft'`,
    });
  }
  if (why.length > MAX_WHY_CHARS) {
    throw new TraceloadError(
      "wrong_usage",
      `--why: ${why.length} characters; at most ${MAX_WHY_CHARS} are kept`,
    );
  }
  return {
    decision,
    draftDatasetId: readDraft(argv, decision),
    by: thisPerson(),
    why,
    alsoCertain: argv["all"] === true,
  };
}

function readDraft(argv: Argv, decision: string): number | undefined {
  const text = typedText(argv, "draft");
  if (text === undefined) return undefined;
  if (decision === "absent")
    throw new TraceloadError("wrong_usage", "--draft: a row that is absent is in none");
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new TraceloadError("wrong_usage", `--draft: ${JSON.stringify(text)} is not the number of a dataset`);
}
