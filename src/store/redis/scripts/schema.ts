/**
 * The store's schema: a new store is marked with this version's, an older one is carried over step by step, a newer one
 * is left alone.
 */
import { SCHEMA_VERSION } from "../layout.ts";
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";

/** Lua that carries a store of the version before to the named one; runs in one step with marking it. */
const MIGRATIONS: ReadonlyMap<number, string> = new Map();

/** Answers the schema that was found (0: a new store) and the one that stands now. */
export const schemaScript: Script = {
  name: "schema",
  lua: `${CLOCK}
local found = tonumber(redis.call('HGET', base .. ':meta', 'schema') or 0)
if found > ${SCHEMA_VERSION} then return { found, found } end
${[...MIGRATIONS].map(([version, lua]) => `if found > 0 and found < ${version} then\n${lua}\nend`).join("\n")}
if found < ${SCHEMA_VERSION} then redis.call('HSET', base .. ':meta', 'schema', ${SCHEMA_VERSION}) end
return { found, ${SCHEMA_VERSION} }
`,
};

export const nowScript: Script = { name: "now", lua: `${CLOCK}\nreturn now\n` };
