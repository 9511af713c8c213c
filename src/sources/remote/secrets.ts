/** `${NAME}` in addresses and headers: what it stands for comes from the environment, and is never shown or kept. */
import { TraceloadError } from "../../core/errors.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

const PLACEHOLDER = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
/** Shorter values are found in ordinary words. */
const LEAST_HIDDEN_CHARS = 4;

export class Secrets {
  readonly #variables: Variables;
  /** What was put in, and what is shown for it. */
  readonly #shown = new Map<string, string>();

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  /** The text with what its placeholders stand for. Throws `config_invalid` for a variable that is not set. */
  expand(text: string, place: string, encode: (value: string) => string = (value) => value): string {
    return text.replaceAll(PLACEHOLDER, (placeholder, name: string) => {
      const value = this.#variables[name]?.trim();
      if (value === undefined || value === "") {
        throw new TraceloadError("config_invalid", `${place}: the variable ${name} is not set`, {
          next: `export ${name}=…`,
        });
      }
      this.hide(value, placeholder);
      const encoded = encode(value);
      this.hide(encoded, placeholder);
      return encoded;
    });
  }

  /** From now on `secret` is shown as `instead`. */
  hide(secret: string, instead: string): void {
    if (secret.length >= LEAST_HIDDEN_CHARS) this.#shown.set(secret, instead);
  }

  /** Somebody else's words, in which what was put in may come back. */
  redact(text: string): string {
    const longestFirst = [...this.#shown].sort(([a], [b]) => b.length - a.length);
    return longestFirst.reduce((shown, [secret, instead]) => shown.replaceAll(secret, () => instead), text);
  }
}

/** Whether anything is left beside placeholders. */
export function isLiteral(text: string): boolean {
  return text.replaceAll(PLACEHOLDER, "") !== "";
}

export function hasPlaceholder(text: string): boolean {
  return text.replaceAll(PLACEHOLDER, "") !== text;
}
