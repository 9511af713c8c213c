/** Between what is typed and the settings: options for the parser, and back. */
import { describe, expect, test } from "vitest";
import { environmentName, flagName, SETTINGS, type SettingName } from "../../config/settings.ts";
import { flagOptions, GLOBAL_SETTINGS, typedFlags } from "../../src/cli/flags.ts";

const NAMES = Object.keys(SETTINGS) as SettingName[];

describe("flags", () => {
  test("and variables are named after their settings, and none is for the key", () => {
    expect(flagName("datasetGroup")).toBe("dataset-group");
    expect(environmentName("datasetGroup")).toBe("TRACELOAD_DATASET_GROUP");
    expect(new Set(NAMES.map(flagName)).size).toBe(NAMES.length);
    expect(NAMES.map(flagName).filter((name) => name.includes("key"))).toEqual([]);
  });

  test("take texts, but for those that stand alone", () => {
    const options = flagOptions(NAMES);
    expect(options["rate"]).toMatchObject({ type: "string", requiresArg: true, hidden: false });
    expect(options["rate"]?.describe).toContain("[10/s]");
    expect(options["dry-run"]).toMatchObject({ type: "boolean" });
    expect(options["dry-run"]).not.toHaveProperty("requiresArg");
    expect(options["send-window"]).toMatchObject({ hidden: true });
    expect(options["dataset-group"]).toMatchObject({ alias: "g" });
  });

  test("that every command takes are settings", () => {
    for (const name of GLOBAL_SETTINGS) expect(SETTINGS).toHaveProperty(name);
  });

  test("count only if they were typed; of one typed twice the last holds", () => {
    const argv = {
      _: ["import"],
      "dataset-group": ["1", "42"],
      json: true,
      color: false,
      rate: undefined,
      x: "y",
    };
    expect(typedFlags(argv)).toEqual({ datasetGroup: "42", json: "true", color: "false" });
  });
});
