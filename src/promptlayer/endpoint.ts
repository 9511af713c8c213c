/** Where the API is and who calls it: base URL, proxy and key, checked once, before anything is sent. */
import { TraceloadError } from "../core/errors.ts";

export interface Endpoint {
  base: URL;
  /** Stands before every path of the API; empty, or starting with a slash and not ending in one. */
  pathPrefix: string;
  apiKey: string;
  proxy: URL | undefined;
}

/** Throws `config_invalid` or `key_missing`; the message never holds the key or a URL's password. */
export function readEndpoint(settings: {
  baseUrl: string;
  apiKey: string;
  proxy?: string | undefined;
}): Endpoint {
  const base = readBaseUrl(settings.baseUrl);
  return {
    base,
    pathPrefix: base.pathname.replace(/\/+$/u, ""),
    apiKey: checkKey(settings.apiKey),
    proxy:
      settings.proxy === undefined || settings.proxy === ""
        ? undefined
        : parseHttpUrl(settings.proxy, "proxy's URL"),
  };
}

/** Throws `config_invalid`; the message never holds a password. */
export function readBaseUrl(text: string): URL {
  const base = parseHttpUrl(text, "base URL");
  if (base.username !== "" || base.password !== "") {
    throw new TraceloadError(
      "config_invalid",
      `the base URL of ${base.host} holds a user name or a password`,
      {
        next: "Leave them out of the URL: PromptLayer takes the key from PROMPTLAYER_API_KEY alone.",
      },
    );
  }
  if (base.search !== "" || base.hash !== "") {
    throw new TraceloadError(
      "config_invalid",
      `the base URL ${base.origin}${base.pathname} goes on after its path`,
      {
        next: "Leave out what follows the ? or #.",
      },
    );
  }
  return base;
}

function parseHttpUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:") || url.hostname === "") {
    // The text itself may hold a password, and what cannot be parsed cannot be redacted.
    throw new TraceloadError("config_invalid", `the ${what} is not an http or https URL`, {
      next: "A URL looks like https://api.promptlayer.com",
    });
  }
  return url;
}

function checkKey(text: string): string {
  const key = text.trim();
  if (key === "") {
    throw new TraceloadError("key_missing", "there is no API key", {
      next: "export PROMPTLAYER_API_KEY=…",
    });
  }
  const place = key.search(/[^!#-[\]-~]/u);
  if (place >= 0) {
    throw new TraceloadError(
      "config_invalid",
      `the API key cannot stand in a header: its character ${place + 1} is a blank, a line break, a quote or not ASCII`,
      { next: "Copy the key again; PROMPTLAYER_API_KEY must hold nothing else." },
    );
  }
  return key;
}
