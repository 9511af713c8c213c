/**
 * `${NAME}` in a configuration file: values of the environment. Secrets may stand in a file only so, and the references
 * are what is stored: each process resolves them in its own environment.
 */
import type { Environment } from "./load.ts";

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

export function hasReference(text: string): boolean {
  return text.search(REFERENCE) !== -1;
}

/** The text with the environment's values; or the name of the first variable that is not set, or empty. */
export function resolveText(text: string, environment: Environment): { text: string } | { missing: string } {
  let missing: string | undefined;
  const resolved = text.replace(REFERENCE, (_, name: string) => {
    const value = environment[name];
    if (value === undefined || value === "") missing ??= name;
    return value ?? "";
  });
  return missing === undefined ? { text: resolved } : { missing };
}

/** The same for all texts of a value as JSON has them; `missing` names each variable once. */
export function resolveAll(value: unknown, environment: Environment): { value: unknown; missing: string[] } {
  const missing = new Set<string>();
  const resolve = (part: unknown): unknown => {
    if (typeof part === "string") {
      const resolved = resolveText(part, environment);
      if ("text" in resolved) return resolved.text;
      missing.add(resolved.missing);
      return part;
    }
    if (Array.isArray(part)) return part.map(resolve);
    if (typeof part !== "object" || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, resolve(inner)]));
  };
  return { value: resolve(value), missing: [...missing] };
}

/** Names of headers, parameters and keys whose values nobody else may read. */
const SECRET_NAME = /auth|token|secret|password|passwd|api[-_]?key|cookie|signature|credential/i;
const withoutReferences = (text: string) => text.replaceAll(REFERENCE, "").trim();

/** Whether a text that is named so holds a secret as it is. What comes from the environment is none. */
export function isLiteralSecret(name: string, text: string): boolean {
  if (!SECRET_NAME.test(name)) return false;
  // The scheme of a header is none: `Bearer ${TOKEN}`.
  return withoutReferences(text).replace(/^(bearer|basic|token|apikey)$/i, "") !== "";
}

/** The part of a URL that is a secret and stands in it as it is: its password, or a parameter; undefined: none does. */
export function literalSecretIn(url: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)@/i.exec(url)?.[1];
  const password = authority?.includes(":") === true ? authority.slice(authority.indexOf(":") + 1) : "";
  if (withoutReferences(password) !== "") return "its password";
  const parameters = /\?([^#]*)/.exec(url)?.[1] ?? "";
  for (const parameter of parameters.split("&")) {
    const at = parameter.indexOf("=");
    if (at > 0 && isLiteralSecret(parameter.slice(0, at), parameter.slice(at + 1))) {
      return `its parameter ${parameter.slice(0, at)}`;
    }
  }
  return undefined;
}
