/** Langfuse: a trace as its page downloads it, with its observations. (Its tables' exports are lists.) */
import { isNoParent, jsonExportFormat, ofObject } from "../json/export-format.ts";

export const langfuseFormat = jsonExportFormat({
  name: "langfuse",
  title: "Langfuse trace",
  matches: (shape) => shape.has("observations") && shape.has("trace.id"),
  paths: ["observations[]"],
  spans: ofObject((observation) => [
    {
      traceId: observation["traceId"],
      spanId: observation["id"],
      isRoot: isNoParent(observation["parentObservationId"]),
    },
  ]),
});
