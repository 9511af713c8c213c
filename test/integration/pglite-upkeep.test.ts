/** The embedded database has no background processes: what they would do is done from time to time. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openEmbedded, type Embedded } from "../../src/store/pglite/open.ts";
import { upkeepOf } from "../../src/store/pglite/upkeep.ts";
import { scratchDirectory } from "../support/scratch-directory.ts";

let embedded: Embedded;
const scratch = scratchDirectory();

beforeAll(async () => {
  embedded = await openEmbedded({ directory: scratch.path("store") });
});
afterAll(async () => {
  await embedded?.close();
  await scratch.remove();
});

async function comeAndGo(): Promise<number> {
  const { pool } = embedded;
  await pool.query(
    `insert into bullmq.event (queue, id, event, data, created_at_ms)
    select 'q', nextval('bullmq.event_seq'), 'added', to_jsonb(repeat('x', 1500)), 0 from generate_series(1, 12000)`,
  );
  await pool.query("delete from bullmq.event");
  const { rows } = await pool.query("select pg_relation_size('bullmq.event') as bytes");
  return Number(rows[0]?.["bytes"]);
}

test("tables of rows that come and go stop growing", async () => {
  const upkeep = upkeepOf(embedded.pool);
  const first = await comeAndGo();
  await upkeep.run();
  const second = await comeAndGo();
  await upkeep.run();
  expect(second).toBeLessThan(first * 1.1);
});

test("the log is not kept for ever", async () => {
  const upkeep = upkeepOf(embedded.pool);
  const logBytes = async () => {
    const { rows } = await embedded.pool.query("select sum(size) as bytes from pg_ls_waldir()");
    return Number(rows[0]?.["bytes"]);
  };
  for (let round = 0; round < 4; round += 1) {
    await comeAndGo();
    await upkeep.run();
  }
  expect(await logBytes()).toBeLessThan(70 * 1024 * 1024);
});
