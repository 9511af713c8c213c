/**
 * The functions that results and counts move through. Within a transaction locks are taken in one order: runs,
 * groups, entries by key, results, and last the shards of the counts. Functions that touch big tables look rows up by
 * index whatever the planner believes: a session keeps the plans it made while the tables were still empty.
 */
import { crc32 } from "node:zlib";
import { STATUS_CODES } from "../codes.ts";

interface LockClasses {
  run: number;
  group: number;
  decision: number;
  schema: number;
  syncs: number;
}

/**
 * Advisory locks. Those of runs and groups are shared by claims and settles, exclusive for what must see none of them
 * under way. A decision locks its key: there may be no entry to lock.
 */
export function lockClasses(schema: string): LockClasses {
  const lockClass = (kind: string) => crc32(`traceload ${schema} ${kind}`) | 0;
  return {
    run: lockClass("run"),
    group: lockClass("group"),
    decision: lockClass("decision"),
    schema: lockClass("schema"),
    syncs: lockClass("syncs"),
  };
}

const STATUS_COLUMNS = Object.entries(STATUS_CODES);

export function counters(schema: string): string {
  const difference = (code: number) =>
    `sum((new_status = ${code})::integer) - sum((old_status is not distinct from ${code})::integer)`;
  return `
create function ${schema}.now_ms() returns bigint language sql volatile as $$
  select floor(extract(epoch from clock_timestamp()) * 1000)::bigint
$$;

create function ${schema}.shard() returns smallint language sql stable as $$
  select (pg_backend_pid() & 15)::smallint
$$;

-- Replaces a row's result and answers its old status; null when the row is not stored. Attempts outlive results, and add up.
create function ${schema}.set_result(
  p_run integer, p_row integer, p_status smallint, p_draft bigint, p_mode "char", p_attempts integer,
  p_http smallint, p_duration integer, p_code text, p_error text, p_now bigint
) returns smallint language plpgsql as $$
declare
  v_old smallint;
begin
  select status into v_old from ${schema}.result where run_seq = p_run and row = p_row for update;
  if not found then
    return null;
  end if;
  update ${schema}.result set
    status = p_status, draft = p_draft, mode = p_mode, attempts = attempts + coalesce(p_attempts, 0),
    http_status = p_http, duration_ms = p_duration, error_code = p_code, error = p_error,
    finished_at = case when p_status = ${STATUS_CODES.queued} then null else p_now end
  where run_seq = p_run and row = p_row;
  return v_old;
end $$;

-- Writes unknown for a row without a final result. A row that is unknown keeps its first reason, which says the most.
create function ${schema}.hold_result(p_run integer, p_row integer, p_code text, p_error text, p_now bigint)
returns smallint language plpgsql as $$
begin
  perform from ${schema}.result
  where run_seq = p_run and row = p_row and status in (${STATUS_CODES.queued}, ${STATUS_CODES.unprocessed})
  for update;
  if not found then
    return null;
  end if;
  return ${schema}.set_result(p_run, p_row, ${STATUS_CODES.unknown}::smallint, null, null, null, null, null,
    p_code, p_error, p_now);
end $$;

create function ${schema}.give_up_result(p_run integer, p_row integer, p_now bigint)
returns smallint language sql as $$
  select ${schema}.hold_result(p_run, p_row, 'worker_lost',
    'the process that sent this row ended before it could record an answer', p_now)
$$;

-- Moves the counts of runs: one element a changed row; a new row has no old status.
create function ${schema}.move_counts(p_runs integer[], p_old smallint[], p_new smallint[])
returns void language sql as $$
  insert into ${schema}.run_count as c (run_seq, shard, ${STATUS_COLUMNS.map(([name]) => name).join(", ")})
  select run_seq, ${schema}.shard(), ${STATUS_COLUMNS.map(([, code]) => difference(code)).join(", ")}
  from unnest(p_runs, p_old, p_new) as moved (run_seq, old_status, new_status)
  group by run_seq order by run_seq
  on conflict (run_seq, shard) do update set
    ${STATUS_COLUMNS.map(([name]) => `${name} = c.${name} + excluded.${name}`).join(", ")}
$$;

-- The group's number; a group that nobody has named yet is made.
create function ${schema}.group_named(p_key text) returns integer language plpgsql as $$
declare
  v_group integer;
begin
  loop
    select id into v_group from ${schema}.row_group where key = p_key;
    exit when found;
    insert into ${schema}.row_group (key, phase) values (p_key, 'new') on conflict (key) do nothing;
  end loop;
  return v_group;
end $$;

create function ${schema}.version_of(p_group integer) returns bigint language sql stable as $$
  select coalesce(sum(version), 0)::bigint from ${schema}.group_shard where group_id = p_group
$$;

create function ${schema}.added_of(p_group integer) returns bigint language sql stable as $$
  select coalesce(sum(added), 0)::bigint from ${schema}.group_shard where group_id = p_group
$$;

create function ${schema}.lease_held(p_lease bigint) returns boolean language sql volatile as $$
  select exists (select from ${schema}.lease where id = p_lease and expires_at > ${schema}.now_ms())
$$;

-- Notes changes of entries with their groups: one element a change, which added so many rows to the present draft.
create function ${schema}.move_groups(p_groups integer[], p_added integer[])
returns void language sql as $$
  insert into ${schema}.group_shard as s (group_id, shard, version, added)
  select group_id, ${schema}.shard(), count(*), sum(added)
  from unnest(p_groups, p_added) as moved (group_id, added)
  group by group_id order by group_id
  on conflict (group_id, shard) do update set
    version = s.version + excluded.version, added = s.added + excluded.added
$$;
`;
}
