/** The endpoints around datasets: list, rows, groups, drafts; and get-trace. */
import { createHash } from "node:crypto";
import { type Answer, failure, json, unprocessable } from "./answers.ts";
import type { Dataset, DatasetGroup } from "./datasets.ts";
import { selectDatasets, WORKSPACE_ID } from "./dataset-query.ts";
import { searchRows } from "./row-search.ts";
import type { Traces } from "./traces.ts";
import { type Checked, FieldCheck } from "./validation.ts";
import type { RowContent, Workspace } from "./workspace.ts";

const USER_ID = 1;

export interface DatasetParts {
  workspace: Workspace;
  traces: Traces;
  cells: "ids" | "opaque";
}

type Fields = Readonly<Record<string, unknown>>;

export function listDatasets({ workspace }: DatasetParts, query: Fields): Answer {
  const check = new FieldCheck(query, ["query"]);
  const groupId = check.queryInteger("dataset_group_id", { minimum: 1 });
  const selected = selectDatasets(check, query, () => {
    // A group that nobody named yet comes into being by being asked for.
    if (groupId !== undefined) workspace.group(groupId);
    return workspace.datasets();
  });
  if (!selected.ok) return unprocessable(selected.complaints);
  const { datasets, page, perPage, workspaceId } = selected.value;
  if (workspaceId !== WORKSPACE_ID) return failure(400, "Invalid workspace_id");
  const first = (page - 1) * perPage;
  return json(200, {
    success: true,
    message: "success",
    datasets: datasets.slice(first, first + perPage).map(datasetBody),
    page,
    per_page: perPage,
    total: datasets.length,
    pages: Math.ceil(datasets.length / perPage),
  });
}

export async function datasetRows(
  { workspace, cells }: DatasetParts,
  datasetIdText: string,
  query: Fields,
): Promise<Answer> {
  const path = new FieldCheck({ dataset_id: datasetIdText }, ["path"]);
  const check = new FieldCheck(query, ["query"]);
  const datasetId = path.queryInteger("dataset_id");
  const workspaceId = check.queryInteger("workspace_id", { minimum: 1 }) ?? WORKSPACE_ID;
  const page = check.queryInteger("page", { minimum: 1 }) ?? 1;
  const perPage = check.queryInteger("per_page", { minimum: 1, maximum: 100 }) ?? 10;
  const complaints = [path.done(0), check.done(0)].flatMap((checked) =>
    checked.ok ? [] : checked.complaints,
  );
  if (complaints.length > 0 || datasetId === undefined) return unprocessable(complaints);
  if (workspaceId !== WORKSPACE_ID) return failure(400, "Invalid workspace_id");
  const dataset = workspace.dataset(datasetId);
  if (dataset === undefined) return failure(404, "Dataset not found");

  const nowMs = workspace.now();
  const first = (page - 1) * perPage;
  const total = workspace.total(dataset);
  const q = typeof query["q"] === "string" ? query["q"] : "";
  const found =
    q === ""
      ? {
          total,
          rows: [...workspace.rows(dataset, first, Math.min(total, first + perPage), nowMs)],
        }
      : await searchRows({
          rows: workspace.rows(dataset, 0, total, nowMs),
          matches: (row) => cellValues(row, cells).some((value) => contains(value, q)),
          first,
          count: perPage,
        });
  return json(200, {
    success: true,
    message: "success",
    columns: columnNames(cells),
    rows: found.rows.map((row) => cellValues(row, cells).map((value) => ({ type: "dataset", value }))),
    page,
    per_page: perPage,
    pages: Math.ceil(found.total / perPage),
    total: found.total,
  });

  function contains(value: string | null, text: string): boolean {
    return value !== null && value.toLowerCase().includes(text.toLowerCase());
  }
}

export function createDatasetGroup({ workspace }: DatasetParts, body: Fields): Answer {
  const check = new FieldCheck(body);
  const name = check.text("name");
  const workspaceId = check.integer("workspace_id", { optional: true }) ?? WORKSPACE_ID;
  check.integer("folder_id", { optional: true });
  const externalIds = check.objects("external_ids", (item) => {
    item.only(["source", "external_id"]);
    return {
      source: item.text("source", { minLength: 1, maxLength: 128 }) ?? "",
      external_id: item.text("external_id", { minLength: 1, maxLength: 512 }) ?? "",
    };
  });
  const checked = check.done(name);
  if (!checked.ok || checked.value === undefined) return refusedBody(checked);
  if (workspaceId !== WORKSPACE_ID) return failure(400, "Invalid workspace_id");
  const taken = workspace
    .datasets()
    .some(({ group }) => group.externalIds.some((one) => externalIds.some((other) => sameId(one, other))));
  if (taken) return failure(409, "External ID is already mapped to another dataset group");
  const group = workspace.createGroup(checked.value, externalIds);
  if (group?.draft === undefined) return failure(400, "Dataset with this name already exists");
  return json(201, {
    success: true,
    message: "Dataset group created successfully",
    dataset_group: groupBody(group),
    dataset: datasetBody(group.draft),
    external_ids: group.externalIds,
  });
}

export function createDraft({ workspace }: DatasetParts, body: Fields): Answer {
  const check = new FieldCheck(body);
  const groupId = check.integer("dataset_group_id", { minimum: 1 });
  const sourceId = check.integer("source_dataset_id", { minimum: 1, optional: true });
  const checked = check.done(groupId);
  if (!checked.ok || checked.value === undefined) return refusedBody(checked);
  const group = workspace.group(checked.value);
  if (group === undefined) return failure(404, "Dataset group not found");
  if (group.draft !== undefined) {
    return failure(409, "A draft version already exists for this dataset group");
  }
  const source = sourceId === undefined ? undefined : workspace.dataset(sourceId);
  if (sourceId !== undefined && source?.group !== group) return failure(404, "Source dataset not found");
  const draft = workspace.openDraft(group, source);
  return json(source === undefined ? 201 : 202, {
    success: true,
    message:
      source === undefined
        ? "Draft dataset version created"
        : "Draft created; rows are being copied from the source dataset",
    draft_dataset_id: draft.id,
  });
}

export function saveDraft({ workspace }: DatasetParts, body: Fields): Answer {
  const check = new FieldCheck(body);
  const checked = check.done(check.integer("dataset_group_id", { minimum: 1 }));
  if (!checked.ok || checked.value === undefined) return refusedBody(checked);
  const group = workspace.group(checked.value);
  if (group === undefined) return failure(404, "Dataset group not found");
  const draft = workspace.saveDraft(group.id);
  if (draft === undefined) return failure(404, "No draft version exists for this dataset group");
  return json(202, { success: true, message: "Dataset save job queued", draft_dataset_id: draft.id });
}

export function getTrace({ traces }: DatasetParts, traceId: string): Answer {
  if (!traces.has(traceId)) return failure(404, "Trace not found");
  const spans = traces.spansOf(traceId).map((spanId, index) => ({
    id: index + 1,
    name: "span",
    span_id: spanId,
    parent_id: null,
    request_log_id: null,
    start_time: "2026-01-01T00:00:00Z",
    end_time: "2026-01-01T00:00:01Z",
  }));
  return json(200, { success: true, trace_id: traceId, spans });
}

function refusedBody(checked: Checked<unknown>): Answer {
  return unprocessable(checked.ok ? [] : checked.complaints);
}

function sameId(
  one: { source: string; external_id: string },
  other: { source: string; external_id: string },
): boolean {
  return one.source === other.source && one.external_id === other.external_id;
}

function groupBody(group: DatasetGroup): Record<string, unknown> {
  return { id: group.id, name: group.name, workspace_id: WORKSPACE_ID, is_deleted: false };
}

function datasetBody(dataset: Dataset): Record<string, unknown> {
  return {
    id: dataset.id,
    dataset_group_id: dataset.group.id,
    version_number: dataset.versionNumber,
    column_names: [],
    filter_params: null,
    is_deleted: false,
    user_id: USER_ID,
    dataset_group: groupBody(dataset.group),
    external_ids: dataset.group.externalIds,
  };
}

function columnNames(cells: "ids" | "opaque"): string[] {
  return cells === "ids" ? ["trace_id", "span_id"] : ["input", "expected_output"];
}

function cellValues(row: RowContent, cells: "ids" | "opaque"): (string | null)[] {
  if (cells === "ids") {
    return row.kind === "made-up" ? [`seed-trace-${row.index + 1}`, null] : [row.traceId, row.spanId ?? null];
  }
  const content = row.kind === "made-up" ? `seed ${row.index}` : `row ${row.traceId} ${row.spanId ?? ""}`;
  const digest = createHash("sha256").update(content).digest("base64url");
  return [`question ${digest.slice(0, 12)}`, `answer ${digest.slice(12, 24)}`];
}
