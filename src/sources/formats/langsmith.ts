/** LangSmith: runs as its API lists them, as its exports hold them, and as its SDK sends them. */
import { hasAny, jsonExportFormat, ofObject, type JsonShape } from "../json/export-format.ts";

const isRunAt = (shape: JsonShape, at: string): boolean =>
  shape.has(`${at}trace_id`) &&
  shape.has(`${at}id`) &&
  hasAny(shape, [`${at}run_type`, `${at}parent_run_id`, `${at}dotted_order`]);

const PLACES = [
  { at: "runs[].", path: "runs[]" },
  { at: "[].", path: "[]" },
  { at: "", path: "" },
];

const BATCH = ["post", "patch"];

export const langsmithFormat = jsonExportFormat({
  name: "langsmith",
  title: "LangSmith runs",
  matches: (shape) =>
    (shape.has("post") && hasAny(shape, ["post[].trace_id", "patch[].trace_id", "post[].run_type"])) ||
    PLACES.some(({ at }) => isRunAt(shape, at)),
  paths: (shape) =>
    shape.has("post") || shape.has("patch")
      ? BATCH.map((list) => `${list}[]`)
      : PLACES.filter(({ at }) => isRunAt(shape, at))
          .slice(0, 1)
          .map(({ path }) => path),
  cursors: ["cursors.next"],
  // A patch may name no trace: the run that it changes has been posted with it.
  spans: ofObject((run, path) =>
    path === "patch[]" && run["trace_id"] === undefined
      ? []
      : [
          {
            traceId: run["trace_id"],
            spanId: run["id"],
            isRoot: run["parent_run_id"] === undefined || run["parent_run_id"] === null,
          },
        ],
  ),
});
