/** The configuration file's form as a JSON Schema, so that editors complete and check it. */
import { z } from "zod";
import { flagName, SETTINGS, type SettingName } from "./settings.ts";
import { SYNC_NAME, syncFields } from "./sync-schema.ts";

/** Draft 2020-12. What is checked beyond it (cron patterns, secrets, keys that contradict) `sync validate` tells. */
export function fileJsonSchema(): Record<string, unknown> {
  // Whether a worker runs syncs is no matter of the file that says what they are.
  const names = (Object.keys(SETTINGS) as SettingName[]).filter((name) => name !== "syncs");
  const settings = names.map((name) => {
    const { help, default: fallback } = SETTINGS[name];
    const type = SETTINGS[name].many ? ["string", "array"] : ["string", "number", "boolean"];
    return [
      flagName(name),
      {
        description: help,
        type,
        ...(SETTINGS[name].many ? { items: { type: "string" } } : {}),
        ...(fallback === undefined ? {} : { default: fallback }),
      },
    ];
  });
  const { $schema, ...sync } = z.toJSONSchema(syncFields, { io: "input" });
  return {
    $schema,
    title: "traceload.yaml",
    description:
      "Settings are the flags without the dashes; syncs are saved imports that a schedule can run.",
    type: "object",
    properties: {
      ...Object.fromEntries(settings),
      syncs: {
        description: "Saved imports, by their names.",
        type: "object",
        propertyNames: { pattern: SYNC_NAME.source },
        additionalProperties: { $ref: "#/$defs/sync" },
      },
    },
    additionalProperties: false,
    $defs: { sync },
  };
}
