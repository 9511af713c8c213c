/** Jobs that a dead owner of the embedded store left active. */
import type { SqlPool } from "../sql/connection.ts";
import { QUEUE_SCHEMA } from "../sql/queue-schema.ts";

/** Schema versions whose function for stalled jobs is known to bear what `releaseActiveJobs` does with it. */
const KNOWN_VERSIONS = { from: 11, to: 11 };
const HOUR_MS = 3_600_000;

/**
 * Puts jobs that a process left active when it died back among the waiting ones, without waiting for their locks to
 * run out. Only for whoever has the database alone: to a living worker it would do the same. Without a queue's name
 * all queues are swept. Does nothing when BullMQ's schema is of another version; its own recovery then takes its time.
 */
export async function releaseActiveJobs(pool: SqlPool, queueName?: string): Promise<number> {
  const { rows: versions } = await pool.query(
    `select max(version) as version from ${QUEUE_SCHEMA}.migration`,
  );
  const version = Number(versions[0]?.["version"]);
  if (version < KNOWN_VERSIONS.from || version > KNOWN_VERSIONS.to) return 0;
  const { rows: queues } = await pool.query(
    `select distinct queue from ${QUEUE_SCHEMA}.job where state = 'active' and queue = coalesce($1, queue)`,
    [queueName ?? null],
  );
  let released = 0;
  for (const { queue } of queues) {
    // The first pass marks, the second takes what is marked.
    for (let pass = 0; pass < 2; pass += 1) {
      const { rows } = await pool.query(
        `select id from ${QUEUE_SCHEMA}.move_stalled_jobs_to_wait($1, $2, $3, 0) as t (id)`,
        [queue, 1_000_000, Date.now() + HOUR_MS],
      );
      released += rows.length;
    }
    await pool.query(`delete from ${QUEUE_SCHEMA}.meta where queue = $1 and field = 'stalled-check'`, [
      queue,
    ]);
  }
  return released;
}
