/** The SQL store keeps the contract: embedded, and on a PostgreSQL server over two pools. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "pg";
import { describe, test } from "vitest";
import { openEmbedded } from "../../src/store/pglite/open.ts";
import { openSqlStore } from "../../src/store/sql/store.ts";
import { storeContract } from "./store-contract.ts";

storeContract("embedded", async () => {
  const directory = await mkdtemp(join(tmpdir(), "traceload-contract-"));
  const embedded = await openEmbedded({ directory });
  return {
    store: embedded.store,
    async close() {
      await embedded.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
});

const url = process.env["TEST_DATABASE_URL"];

if (url === undefined) {
  describe.skip("the Postgres store", () =>
    test("needs TEST_DATABASE_URL, for example postgres://127.0.0.1/test"));
} else {
  storeContract("Postgres", async () => {
    const schema = `traceload_test_${process.pid}_${Date.now()}`;
    const pools: Pool[] = [];
    const connect = async () => {
      const pool = new Pool({ connectionString: url, max: 8 });
      pools.push(pool);
      return openSqlStore({ pool, schema, facts: { kind: "postgres", name: "postgres", warnings: [] } });
    };
    const store = await connect();
    return {
      store,
      openSecond: connect,
      async close() {
        await store.close();
        await pools[0]?.query(`drop schema ${schema} cascade`);
        await Promise.all(pools.map((pool) => pool.end()));
      },
    };
  });
}
