/** sweep: what a process that is gone, or has waited too long, left `sending` becomes `unknown`. */
import { ENTRY_CODES, STATUS_CODES } from "../codes.ts";
import { lockClasses } from "./counters.ts";

export function sweep(schema: string): string {
  const locks = lockClasses(schema);
  const lost = `e.state = ${ENTRY_CODES.sending} and (
      e.until_ms < ${schema}.now_ms()
      or not exists (select from ${schema}.lease l where l.id = e.owner and l.expires_at > ${schema}.now_ms())
    )`;
  return `
create function ${schema}.sweep() returns integer language plpgsql set enable_seqscan = off as $$
declare
  v_groups integer[];
  v_now bigint;
  v_old smallint;
  v_swept integer := 0;
  swept record;
  moved_runs integer[] := '{}';
  moved_old smallint[] := '{}';
  moved_groups integer[] := '{}';
begin
  select array_agg(distinct e.group_id) into v_groups from ${schema}.entry e where ${lost};
  if v_groups is null then
    return 0;
  end if;
  perform pg_advisory_xact_lock_shared(${locks.group}, g.id)
  from (select id from unnest(v_groups) as t (id) order by id) g;
  v_now := ${schema}.now_ms();
  for swept in
    select e.key, e.group_id, e.run_seq, e.row from ${schema}.entry e
    where e.group_id = any (v_groups) and ${lost}
    order by e.key for update
  loop
    update ${schema}.entry set state = ${ENTRY_CODES.unknown} where key = swept.key;
    moved_groups := moved_groups || swept.group_id;
    v_swept := v_swept + 1;
    v_old := ${schema}.give_up_result(swept.run_seq, swept.row, v_now);
    if v_old is not null then
      moved_runs := moved_runs || swept.run_seq;
      moved_old := moved_old || v_old;
    end if;
  end loop;
  if v_swept > 0 then
    perform ${schema}.move_groups(moved_groups, array_fill(0, array[cardinality(moved_groups)]));
  end if;
  if moved_runs <> '{}' then
    perform ${schema}.move_counts(moved_runs, moved_old,
      array_fill(${STATUS_CODES.unknown}::smallint, array[cardinality(moved_runs)]));
  end if;
  return v_swept;
end $$;
`;
}
