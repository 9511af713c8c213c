/** The drafts of a run on screen: what went in, and what asking the server came to. */
import type { SummaryDraft } from "../../report/draft-verdicts.ts";
import { visible } from "./escape.ts";
import { formatRows } from "./human.ts";
import type { Colors } from "./status-style.ts";
import { formatCount } from "../../core/counted.ts";

/** Two lines a draft: the rows, and the verdict with its figures; a third where it is a version now. */
export function draftTexts(draft: SummaryDraft, colors: Colors): string[] {
  const group = `dataset group ${draft.datasetGroupId}`;
  const where =
    draft.draftDatasetId === null
      ? `${group}: no row known to be in a draft`
      : `${group}: ${formatRows(draft.rows)} added to draft ${draft.draftDatasetId}`;
  const details = [
    figuresText(draft),
    settledText(draft),
    draft.reason === null ? "" : visible(draft.reason),
  ];
  const said = details.filter((text) => text !== "").join("; ");
  return [
    where,
    `  ${verdictText(draft, colors)}${said === "" ? "" : `: ${said}`}`,
    ...publishedText(draft, colors),
  ];
}

function verdictText({ verdict }: SummaryDraft, colors: Colors): string {
  switch (verdict) {
    case "verified":
      return colors.green("verified");
    case "other-writer":
      return colors.yellow("other writer");
    case "inconclusive":
      return colors.yellow("inconclusive");
    case "not-checked":
      return colors.dim("not checked");
    default:
      return verdict satisfies never;
  }
}

/** One that was to be published, and is not, stands among the warnings. */
function publishedText({ publication }: SummaryDraft, colors: Colors): string[] {
  if (publication?.state !== "published") return [];
  return [`  ${colors.green("published")} as version ${publication.versionNumber}`];
}

function figuresText({ figures }: SummaryDraft): string {
  if (figures === null || figures.total === null || figures.baseline === null) return "";
  const { total, baseline, added, unknown } = figures;
  const doubt = unknown === 0 ? "" : `, ${formatCount(unknown)} unknown`;
  return `${formatRows(total)} there, ${formatCount(baseline)} before, ${formatCount(added)} added${doubt}`;
}

function settledText({ figures }: SummaryDraft): string {
  if (figures === null || figures.landed + figures.absent === 0) return "";
  const landed = figures.landed === 0 ? [] : [`${formatCount(figures.landed)} had landed`];
  const absent = figures.absent === 0 ? [] : [`${formatCount(figures.absent)} had not`];
  return `of those in doubt, ${[...landed, ...absent].join(" and ")}`;
}
