/** Drafts published at the end of a run and at a person's word, judged by what the sandbox lists. */
import { expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";
import { TEST_KEY } from "../support/traceload.ts";

const anyStore = await openAnyStore();

test("a clean run's draft becomes a version, one that is not clean stays a draft until a person says so", async () => {
  const scene = await openScene("publish", { env: await anyStore.env() });
  const sandbox = await startTestSandbox(scene, ["--missing=lost-"]);
  const clean = await scene.write("clean.csv", csvOf(rowIds(20)));
  const mixed = await scene.write("mixed.csv", csvOf([...rowIds(30).slice(20), ["lost-1", ""]]));
  const to = [`--base-url=${sandbox.url}`, "--json"];
  const importOf = (file: string, id: string) =>
    scene.run([
      "import",
      file,
      "-g",
      "42",
      `--run-id=${id}`,
      "--rate=unlimited",
      "--publish=if-clean",
      ...to,
    ]);
  const published = async () => {
    const reply = await fetch(`${sandbox.url}/api/public/v2/datasets?dataset_group_id=42&per_page=100`, {
      headers: { "x-api-key": TEST_KEY },
    });
    const { datasets } = (await reply.json()) as { datasets: { id: number; version_number: number }[] };
    return new Map(datasets.map(({ id, version_number: version }) => [id, version]));
  };

  const first = await importOf(clean, "r1");
  expect(first.code).toBe(0);
  const [draft] = JSON.parse(first.stdout).drafts;
  expect(draft).toMatchObject({ rows: 20, verdict: "verified", publication: { state: "published" } });
  expect((await published()).get(draft.draftDatasetId)).toBe(draft.publication.versionNumber);

  const second = await importOf(mixed, "r2");
  expect(second.code).toBe(1);
  const summary = JSON.parse(second.stdout);
  const refused = summary.drafts[0];
  expect(refused).toMatchObject({ rows: 10, publication: { state: "refused" } });
  expect(refused.draftDatasetId).not.toBe(draft.draftDatasetId);
  // That the first draft was published was our own doing, and nothing to warn of.
  expect(summary.warnings).toEqual([
    `dataset group 42: draft ${refused.draftDatasetId} was not published: 1 row of the run did not make it`,
  ]);
  expect(summary.next).toEqual([
    expect.stringMatching(/^traceload rerun r2/),
    expect.stringMatching(/^traceload publish r2 --force/),
  ]);
  expect((await published()).get(refused.draftDatasetId)).toBe(-1);

  const forced = await scene.run(["publish", "r2", "--force", ...to]);
  const { publication } = JSON.parse(forced.stdout).drafts[0];
  expect([forced.code, publication.state]).toEqual([0, "published"]);
  expect((await published()).get(refused.draftDatasetId)).toBe(publication.versionNumber);
}, 90_000);
