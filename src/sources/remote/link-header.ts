/** The header in which servers link to the next page: RFC 8288. */

const LINK = /<([^>]*)>((?:\s*;\s*[\w*-]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)/g;

/** Where the next page is; undefined: no link says so. Sentry links to empty pages, too, and says `results="false"`. */
export function nextLink(header: string | readonly string[] | undefined): string | undefined {
  for (const [, target, parameters = ""] of [header ?? []].flat().join(", ").matchAll(LINK)) {
    const relations = parameterOf(parameters, "rel").toLowerCase().split(/\s+/);
    if (relations.includes("next") && parameterOf(parameters, "results") !== "false") return target;
  }
  return undefined;
}

function parameterOf(parameters: string, name: string): string {
  const found = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^\\s;,"]*))`, "i").exec(parameters);
  return found?.[1] ?? found?.[2] ?? "";
}
