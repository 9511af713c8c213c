/** `traceload sync schema`: the form of the configuration file, for editors. */
import { fileJsonSchema } from "../../../config/file-schema.ts";
import type { Command } from "../command.ts";

export const syncSchemaCommand: Command = {
  settings: [],
  examples: [["sync schema", "a JSON Schema of traceload.yaml, on standard output"]],
  run: async ({ out }) => {
    out.stream.write(`${JSON.stringify(fileJsonSchema(), null, 2)}\n`);
    return 0;
  },
};
