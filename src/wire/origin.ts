/** The name that an API's address goes by in every row's key. */
import type { Settings } from "../../config/settings.ts";
import { readBaseUrl } from "../promptlayer/endpoint.ts";

/** The sandbox has one name whatever its port, so that rows sent to it are known again the next day. */
const SANDBOX_ORIGIN = "sandbox";

/** Needs no API key. Throws `config_invalid` for an address that is none. */
export function targetOrigin(settings: Pick<Settings, "sandbox" | "baseUrl">): string {
  return settings.sandbox ? SANDBOX_ORIGIN : readBaseUrl(settings.baseUrl).origin;
}
