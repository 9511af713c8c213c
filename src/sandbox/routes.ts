/** Finds the endpoint of a request, lets the gate judge it, and sends the endpoint's answer. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { tooLarge } from "./add-trace.ts";
import { type Answer, failure, json, send, unprocessable } from "./answers.ts";
import { readBody } from "./body.ts";
import {
  createDatasetGroup,
  createDraft,
  datasetRows,
  type DatasetParts,
  getTrace,
  listDatasets,
  saveDraft,
} from "./dataset-endpoints.ts";
import { httpExchange } from "./exchange.ts";
import type { Gate } from "./gate.ts";
import type { Endpoint } from "./options.ts";
import type { Tally } from "./tally.ts";
import { parseBody } from "./validation.ts";

const API = "/api/public/v2";
export const ADD_TRACE_PATH = `${API}/dataset-versions/add-trace`;

type Fields = Readonly<Record<string, unknown>>;

interface Route {
  endpoint: Exclude<Endpoint, "add-trace">;
  method: "GET" | "POST";
  path: RegExp;
  answer: (
    parts: DatasetParts,
    input: { parameter: string; query: Fields; body: Fields },
  ) => Answer | Promise<Answer>;
}

const ROUTES: readonly Route[] = [
  {
    endpoint: "list-datasets",
    method: "GET",
    path: /^\/api\/public\/v2\/datasets$/,
    answer: (parts, { query }) => listDatasets(parts, query),
  },
  {
    endpoint: "get-trace",
    method: "GET",
    path: /^\/api\/public\/v2\/traces\/([^/]+)$/,
    answer: (parts, { parameter }) => getTrace(parts, parameter),
  },
  {
    endpoint: "dataset-rows",
    method: "GET",
    path: /^\/api\/public\/v2\/datasets\/([^/]+)\/rows$/,
    answer: (parts, { parameter, query }) => datasetRows(parts, parameter, query),
  },
  {
    endpoint: "create-dataset-group",
    method: "POST",
    path: /^\/api\/public\/v2\/dataset-groups$/,
    answer: (parts, { body }) => createDatasetGroup(parts, body),
  },
  {
    endpoint: "create-draft",
    method: "POST",
    path: /^\/api\/public\/v2\/dataset-versions\/create-draft$/,
    answer: (parts, { body }) => createDraft(parts, body),
  },
  {
    endpoint: "save-draft",
    method: "POST",
    path: /^\/api\/public\/v2\/dataset-versions\/save-draft$/,
    answer: (parts, { body }) => saveDraft(parts, body),
  },
];

export interface RouteParts extends DatasetParts {
  gate: Gate;
  tally: Tally;
  latencyMs: () => number;
  after: (ms: number, action: () => void) => void;
}

/** Handles every request of the API but `POST add-trace`. */
export function handleRoute(parts: RouteParts, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://sandbox");
  const answer = (name: string, final: Answer): void => {
    parts.tally.add(name, final.status);
    send(response, final);
  };
  const allowed = url.pathname === ADD_TRACE_PATH ? "POST" : undefined;
  const route = ROUTES.find(({ path }) => path.test(url.pathname));
  if (route === undefined && allowed === undefined) return answer("none", json(404, { detail: "Not Found" }));
  const method = route?.method ?? allowed ?? "";
  if (route === undefined || request.method !== method) {
    return answer("none", { ...json(405, { detail: "Method Not Allowed" }), headers: ["allow", method] });
  }

  const refused =
    parts.gate.overLimit() ?? parts.gate.refusal(httpExchange(request, response).apiKey, route.endpoint);
  readBody(request, (text) => {
    if (text === undefined) return answer(route.endpoint, tooLarge());
    if (refused !== undefined) return answer(route.endpoint, refused);
    return parts.after(parts.latencyMs(), () => {
      void answerOf(parts, route, { url, request, text }).then((final) => answer(route.endpoint, final));
    });
  });
}

async function answerOf(
  parts: RouteParts,
  route: Route,
  { url, request, text }: { url: URL; request: IncomingMessage; text: string },
): Promise<Answer> {
  let body: Fields = {};
  if (route.method === "POST") {
    const parsed = parseBody(text, request.headers["content-type"]);
    if (!parsed.ok) return unprocessable(parsed.complaints);
    body = parsed.value;
  }
  const parameter = decode(route.path.exec(url.pathname)?.[1] ?? "");
  try {
    return await route.answer(parts, { parameter, query: Object.fromEntries(url.searchParams), body });
  } catch (error) {
    return failure(500, error instanceof Error ? error.message : String(error));
  }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
