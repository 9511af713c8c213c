/** The filters, order and pages of list-datasets. */
import type { Dataset } from "./datasets.ts";
import type { Checked, FieldCheck } from "./validation.ts";

/** The sandbox is one workspace. */
export const WORKSPACE_ID = 1;

/** Filters by things that no dataset of the sandbox belongs to: they leave nothing. */
const FOREIGN_FILTERS = ["prompt_id", "prompt_version_id", "prompt_label_id", "report_id"] as const;

export interface DatasetSelection {
  datasets: Dataset[];
  page: number;
  perPage: number;
  workspaceId: number;
}

/** Checks the query, then selects from `all()`, which is not called for a query with faults. */
export function selectDatasets(
  check: FieldCheck,
  query: Readonly<Record<string, unknown>>,
  all: () => Dataset[],
): Checked<DatasetSelection> {
  const groupId = integerOf(query["dataset_group_id"]);
  const foreign = FOREIGN_FILTERS.map((name) => check.queryInteger(name, { minimum: 1 }));
  const workspaceId = check.queryInteger("workspace_id", { minimum: 1 }) ?? WORKSPACE_ID;
  const status = check.queryChoice("status", ["active", "deleted", "all"]) ?? "active";
  const page = check.queryInteger("page", { minimum: 1 }) ?? 1;
  const perPage = check.queryInteger("per_page", { minimum: 1, maximum: 100 }) ?? 10;
  const sortBy = check.queryChoice("sort_by", ["created_at", "updated_at", "name", "id"]) ?? "created_at";
  const sortOrder = check.queryChoice("sort_order", ["asc", "desc"]) ?? "desc";
  const times = {
    createdAfter: check.queryTime("created_after") ?? -Infinity,
    createdBefore: check.queryTime("created_before") ?? Infinity,
    updatedAfter: check.queryTime("updated_after") ?? -Infinity,
    updatedBefore: check.queryTime("updated_before") ?? Infinity,
  };
  const source = textOf(query["external_source"]);
  const externalId = textOf(query["external_id"]);
  if (source !== undefined && externalId === undefined) {
    check.complain("external_id", "missing", "Field required with external_source");
  }
  if (externalId !== undefined && source === undefined) {
    check.complain("external_source", "missing", "Field required with external_id");
  }
  const checked = check.done({ page, perPage, workspaceId });
  if (!checked.ok) return checked;

  const name = textOf(query["name"])?.toLowerCase();
  const nobody = foreign.some((id) => id !== undefined) || query["created_by_email"] !== undefined;
  const datasets =
    nobody || status === "deleted"
      ? []
      : all().filter(
          (dataset) =>
            (groupId === undefined || dataset.group.id === groupId) &&
            (name === undefined || dataset.group.name.toLowerCase().includes(name)) &&
            dataset.createdAt >= times.createdAfter &&
            dataset.createdAt <= times.createdBefore &&
            dataset.updatedAt >= times.updatedAfter &&
            dataset.updatedAt <= times.updatedBefore &&
            (source === undefined ||
              dataset.group.externalIds.some(
                (one) => one.source === source && one.external_id === externalId,
              )),
        );
  const sign = sortOrder === "asc" ? 1 : -1;
  datasets.sort((one, other) => sign * (compare(one, other, sortBy) || one.id - other.id));
  return { ok: true, value: { ...checked.value, datasets } };
}

function compare(one: Dataset, other: Dataset, by: "created_at" | "updated_at" | "name" | "id"): number {
  switch (by) {
    case "created_at":
      return one.createdAt - other.createdAt;
    case "updated_at":
      return one.updatedAt - other.updatedAt;
    case "name":
      return one.group.name < other.group.name ? -1 : Number(one.group.name > other.group.name);
    case "id":
      return 0;
    default:
      return by satisfies never;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function integerOf(value: unknown): number | undefined {
  return typeof value === "string" ? Number(value) : undefined;
}
