/** `traceload sync apply`: what differs is shown and done, once; of two that apply at once, one file holds as a whole. */
import { describe, expect, test } from "vitest";
import { Redis } from "ioredis";
import { openQueues } from "../../src/queue/bullmq-queues.ts";
import { findRedis } from "../support/redis-server.ts";
import { openScene } from "../support/scene.ts";

const redis = await findRedis("applied syncs", { restartable: true });
const ROUNDS = 3;

interface Shown {
  name: string;
  schedule: { cron: string; timezone: string } | undefined;
  appliedAt: number;
}

describe.skipIf(redis === undefined)("syncs that are applied", () => {
  test("are those of the file: what differs is shown and done, and nothing is done twice", async () => {
    const { apply, list } = await openStage("sync-apply");
    const first = { a: "0 2 * * *", b: "0 3 * * *", c: "0 4 * * *" };
    expect((await apply("one", first)).stdout).toBe("+ a\n+ b\n+ c\n");
    const before = await list();
    expect((await apply("one", first)).stdout).toBe("nothing to change\n");
    expect(await list()).toEqual(before);

    // One is called otherwise, one has another cron, one is gone.
    const second = { renamed: "0 2 * * *", b: "30 3 * * *" };
    const wanted = [
      "~ a is called renamed now   watermark and history are kept",
      '~ b\n    schedule.cron: "0 3 * * *" -> "30 3 * * *"',
      "- c   its watermark and history are forgotten",
    ];
    const dry = await apply("two", second, "--prune", "--dry-run");
    expect(dry.stdout.trimEnd().split("\n").sort()).toEqual(wanted.join("\n").split("\n").sort());
    expect(await list()).toEqual(before);
    expect(await apply("two", second, "--prune")).toMatchObject({ code: 0, stdout: dry.stdout });
    expect((await list()).map(({ name, schedule }) => [name, schedule?.cron])).toEqual([
      ["b", "30 3 * * *"],
      ["renamed", "0 2 * * *"],
    ]);
    expect((await apply("two", second, "--prune")).stdout).toBe("nothing to change\n");
  });

  test("by two processes at once are one of the two files as a whole, and so are the schedules", async () => {
    const { apply, list, schedules } = await openStage("sync-race");
    const files = {
      one: { a: "0 1 * * *", b: "0 1 * * *", c: "0 1 * * *" },
      two: { b: "0 2 * * *", d: "0 2 * * *" },
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      const ends = await Promise.all([
        apply("one", files.one, "--prune"),
        apply("two", files.two, "--prune"),
      ]);
      expect(ends.map(({ code }) => code)).toEqual([0, 0]);
      const crons = Object.fromEntries((await list()).map(({ name, schedule }) => [name, schedule?.cron]));
      expect([files.one, files.two]).toContainEqual(crons);
      expect(await schedules()).toEqual(crons);
    }
  });
});

async function openStage(name: string) {
  const scene = await openScene(name);
  const server = await redis!.start({ appendonly: "yes", appendfsync: "no" });
  scene.atEnd(() => server.stop());
  const to = ["--store", server.url];
  const syncOf = ([sync, cron]: [string, string], nth: number) =>
    `  ${sync}: { files: rows.csv, dataset-group: ${nth + 1}, schedule: { cron: "${cron}" } }\n`;
  return {
    apply: async (file: string, crons: Record<string, string>, ...flags: string[]) => {
      const config = await scene.write(
        `${file}.yaml`,
        `syncs:\n${Object.entries(crons).map(syncOf).join("")}`,
      );
      return scene.run(["sync", "apply", "--config", config, ...to, ...flags]);
    },
    list: async () => {
      const { stdout } = await scene.run(["sync", "list", "--json", ...to]);
      return (JSON.parse(stdout) as { syncs: Shown[] }).syncs.map(({ name: sync, schedule, appliedAt }) => ({
        name: sync,
        schedule,
        appliedAt,
      }));
    },
    /** Those of the queue: what wakes workers. */
    schedules: async () => {
      const client = new Redis(server.url, { maxRetriesPerRequest: null });
      const connection = {
        kind: "redis" as const,
        producer: client,
        consumer: client,
        prefix: "{traceload}",
      };
      const queues = openQueues({ connection, nowMs: Date.now, onFault: () => undefined });
      const found = await queues.listSchedules();
      await queues.close();
      client.disconnect();
      return Object.fromEntries(found.map(({ sync, cron }) => [sync, cron]));
    },
  };
}
