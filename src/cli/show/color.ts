/** Whether to colour: NO_COLOR and FORCE_COLOR decide (no-color.org), else whether a person looks at it. */
export function useColor(
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean | undefined,
): boolean {
  if (environment["NO_COLOR"]) return false;
  const forced = environment["FORCE_COLOR"];
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  return isTerminal === true && environment["TERM"] !== "dumb";
}
