/** The shapes of the API's answers that are read, reduced to the fields used. Unknown fields are let through. */
import { z } from "zod";

const id = z.int().positive();

export const datasetPage = z.object({
  datasets: z.array(
    z.object({
      id,
      dataset_group_id: id,
      version_number: z.int(),
      is_deleted: z.boolean().optional(),
    }),
  ),
  pages: z.int().nonnegative(),
});

export const rowCount = z.object({ total: z.int().nonnegative() });

/** A cell's value may be anything; only texts are looked at. */
export const foundRows = z.object({
  columns: z.array(z.string()),
  rows: z.array(z.array(z.object({ value: z.unknown() }))),
  total: z.int().nonnegative(),
});

export const createdDraft = z.object({ draft_dataset_id: id });

export const savedDraft = z.object({ draft_dataset_id: id });

export const traceDetail = z.object({ spans: z.array(z.object({ span_id: z.string() })) });
