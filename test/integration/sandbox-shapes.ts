/** The bodies of PromptLayer's API as its public contract describes them. */
import { z } from "zod";

export const complaints = z.strictObject({
  detail: z
    .array(
      z.strictObject({
        loc: z.array(z.union([z.string(), z.int()])),
        msg: z.string().min(1),
        type: z.string().min(1),
      }),
    )
    .min(1),
});
export const errorBody = z.looseObject({ success: z.literal(false), message: z.string().min(1) });
export const added = z.strictObject({
  success: z.literal(true),
  draft_dataset_id: z.int(),
  mode: z.enum(["trace", "span"]),
});
export const draft = z.strictObject({
  success: z.literal(true),
  message: z.string(),
  draft_dataset_id: z.int(),
});
const externalIds = z.array(
  z.strictObject({ source: z.string().min(1).max(128), external_id: z.string().min(1).max(512) }),
);
const group = z.strictObject({
  id: z.int(),
  name: z.string(),
  workspace_id: z.int(),
  is_deleted: z.boolean(),
});
const dataset = z.strictObject({
  id: z.int(),
  dataset_group_id: z.int(),
  version_number: z.int(),
  column_names: z.array(z.string()),
  filter_params: z.record(z.string(), z.unknown()).nullable(),
  is_deleted: z.boolean(),
  user_id: z.int(),
  dataset_group: group,
  external_ids: externalIds,
});
export const datasets = z.strictObject({
  success: z.literal(true),
  message: z.string(),
  datasets: z.array(dataset),
  page: z.int(),
  per_page: z.int(),
  total: z.int(),
  pages: z.int(),
});
export const rows = z.strictObject({
  success: z.literal(true),
  message: z.string(),
  columns: z.array(z.string()),
  rows: z.array(z.array(z.strictObject({ type: z.literal("dataset"), value: z.unknown() }))),
  page: z.int(),
  per_page: z.int(),
  pages: z.int(),
  total: z.int(),
});
export const createdGroup = z.strictObject({
  success: z.literal(true),
  message: z.string(),
  dataset_group: group,
  dataset,
  external_ids: externalIds,
});
export const trace = z.strictObject({
  success: z.literal(true),
  trace_id: z.string(),
  spans: z.array(z.looseObject({ span_id: z.string() })),
});
