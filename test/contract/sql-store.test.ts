/** The SQL store keeps the contract: embedded, and on a PostgreSQL server over two pools. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "pg";
import { describe, test } from "vitest";
import { openEmbedded } from "../../src/store/pglite/open.ts";
import { openSqlStore } from "../../src/store/sql/store.ts";
import { findPostgres } from "../support/postgres-server.ts";
import { type OpenedStore, storeContract } from "./store-contract.ts";

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

const postgres = await findPostgres("the Postgres store's contract");

if (postgres === undefined) {
  describe.skip("the Postgres store", () => test("needs a Postgres"));
} else {
  // Statement by statement it is the embedded store; what differs is how they meet. Fewer draws show the rest.
  storeContract("Postgres", openOnServer, { interleavings: 5 });
}

async function openOnServer(): Promise<OpenedStore> {
  const server = await postgres!.start();
  const pools: Pool[] = [];
  const connect = async () => {
    const pool = new Pool({ connectionString: server.url, max: 8 });
    // Connections that are still closing when the server is stopped are told so.
    pool.on("error", () => undefined);
    pools.push(pool);
    return openSqlStore({ pool, facts: { kind: "postgres", name: "postgres", warnings: [] } });
  };
  const store = await connect();
  return {
    store,
    openSecond: connect,
    async close() {
      await store.close();
      await Promise.all(pools.map((pool) => pool.end()));
      await server.stop();
    },
  };
}
