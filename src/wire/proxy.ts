/** Which proxy a base URL goes through, by the variables that curl and its like have made common. */
import type { ProxySettings } from "../../config/credentials.ts";

/** Without a scheme it speaks HTTP. NO_PROXY holds host names, domain suffixes (`.example.com` or `example.com`), or `*`; ports are compared if given. */
export function proxyFor(baseUrl: string, settings: ProxySettings): string | undefined {
  if (!URL.canParse(baseUrl)) return undefined;
  const { protocol, hostname, port } = new URL(baseUrl);
  const proxy = protocol === "https:" ? settings.httpsProxy : settings.httpProxy;
  if (proxy === undefined) return undefined;
  const exempt = (settings.noProxy ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  if (exempt.some((entry) => matches(entry, hostname, port))) return undefined;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

function matches(entry: string, hostname: string, port: string): boolean {
  if (entry === "*") return true;
  const [host = "", entryPort] = entry.toLowerCase().split(/:(?=\d+$)/);
  if (entryPort !== undefined && entryPort !== port) return false;
  const suffix = host.replace(/^\*?\./, "");
  return hostname === suffix || hostname.endsWith(`.${suffix}`);
}
