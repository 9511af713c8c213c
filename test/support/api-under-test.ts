/** An API client for a test, and one attempt through it. */
import { onTestFinished } from "vitest";
import type { AddTraceOptions, Api } from "../../src/core/api.ts";
import type { AttemptSignal } from "../../src/core/outcome.ts";
import { type ApiOptions, createApi } from "../../src/promptlayer/api-client.ts";

export const TEST_KEY = "pl_test_0123456789abcdef";
export const TEST_ROW = { datasetGroupId: 42, traceId: "abc123", spanId: undefined };

/** Closes itself when the test is over. */
export function openApi(options: Partial<ApiOptions> & Pick<ApiOptions, "baseUrl">): Api {
  const api = createApi({ apiKey: TEST_KEY, connections: 4, userAgent: "traceload-test", ...options });
  onTestFinished(() => api.close());
  return api;
}

export function attempt(api: Api, options: Partial<AddTraceOptions> = {}): Promise<AttemptSignal> {
  return api.addTrace(TEST_ROW, { mayStillSend: () => true, timeoutMs: 10_000, ...options });
}
