/** The stand-in API on its own. */
export { startSandbox } from "../sandbox/server.ts";
export { parseSandboxFlags, type SandboxFlags } from "../sandbox/settings.ts";
