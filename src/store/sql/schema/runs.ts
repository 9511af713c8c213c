/** Functions over runs, their rows, and groups. */
import { ENTRY_CODES, STATUS_CODES } from "../codes.ts";
import { lockClasses } from "./counters.ts";

export function runs(schema: string): string {
  const locks = lockClasses(schema);
  return `
create function ${schema}.create_run(
  p_run_id text, p_fingerprint text, p_origin text, p_sources jsonb, p_options jsonb, p_owner bigint
) returns boolean language plpgsql as $$
begin
  insert into ${schema}.run (run_id, fingerprint, origin, sources, options, owner, state, created_at)
  select p_run_id, p_fingerprint, p_origin, p_sources, p_options, p_owner, 'reading', ${schema}.now_ms()
  where not exists (select from ${schema}.run where run_id = p_run_id)
  on conflict (run_id) do nothing;
  return exists (
    select from ${schema}.run
    where run_id = p_run_id and fingerprint = p_fingerprint and owner = p_owner
  );
end $$;

create function ${schema}.change_run(
  p_run_id text, p_from text[], p_state text, p_set_owner boolean, p_owner bigint, p_source_complete boolean,
  p_halt jsonb, p_warning text, p_finished boolean
) returns boolean language plpgsql as $$
begin
  -- Waits for claims under way, and holds back new ones: after a stop is recorded, none is granted.
  perform pg_advisory_xact_lock(${locks.run}, seq) from ${schema}.run where run_id = p_run_id;
  update ${schema}.run set
    state = coalesce(p_state, state),
    owner = case when p_set_owner then p_owner else owner end,
    source_complete = coalesce(p_source_complete, source_complete),
    halt = coalesce(p_halt, halt),
    warnings = case
      when p_warning is null or warnings ? p_warning then warnings
      else warnings || jsonb_build_array(p_warning)
    end,
    finished_at = case
      when p_finished then coalesce(finished_at, ${schema}.now_ms())
      when p_finished is false then null
      else finished_at
    end
  where run_id = p_run_id and (p_from is null or state = any (p_from));
  -- A repeat finds the state it asked for; what came with the first time stands.
  return found or exists (select from ${schema}.run where run_id = p_run_id and state = p_state);
end $$;

-- Takes the run away; its rows follow in parts. Answers the parts' number, 0 when there is no such run, null when it
-- must stay.
create function ${schema}.remove_run(p_run_id text) returns integer language plpgsql as $$
declare
  v_run integer;
begin
  perform pg_advisory_xact_lock(${locks.run}, seq) from ${schema}.run where run_id = p_run_id;
  select seq into v_run from ${schema}.run where run_id = p_run_id;
  if not found then
    return 0;
  end if;
  if exists (
    select from ${schema}.run
    where seq = v_run and state in ('reading', 'draining', 'verifying')
  ) or exists (
    select from ${schema}.entry where state <> ${ENTRY_CODES.added} and run_seq = v_run
  ) or 0 < (select sum(unknown) from ${schema}.run_count where run_seq = v_run) then
    return null;
  end if;
  insert into ${schema}.removed_run (seq) values (v_run);
  delete from ${schema}.run where seq = v_run;
  delete from ${schema}.run_count where run_seq = v_run;
  return v_run;
end $$;

-- Deletes rows of removed runs, at most so many. Answers whether there may be more.
create function ${schema}.clear_removed(p_limit integer) returns boolean language plpgsql set enable_seqscan = off as $$
declare
  v_run integer;
begin
  select seq into v_run from ${schema}.removed_run order by seq limit 1 for update skip locked;
  if not found then
    return false;
  end if;
  delete from ${schema}.result where run_seq = v_run and row in (
    select row from ${schema}.result where run_seq = v_run order by row limit p_limit
  );
  if not found then
    delete from ${schema}.removed_run where seq = v_run;
  end if;
  return true;
end $$;

-- Stores rows that are not stored yet. Answers, for each run named, whether there is such a run.
create function ${schema}.put_rows(
  p_runs text[], p_call integer[], p_rows integer[], p_sources integer[], p_lines bigint[], p_statuses smallint[],
  p_groups text[], p_traces text[], p_spans text[], p_codes text[], p_errors text[], p_drafts bigint[]
) returns boolean[] language plpgsql set enable_seqscan = off as $$
declare
  v_seqs integer[];
  v_runs integer[];
  v_new smallint[];
begin
  perform pg_advisory_xact_lock_shared(${locks.run}, r.seq)
  from (select seq from ${schema}.run where run_id = any (p_runs) order by seq) r;
  select array_agg(r.seq order by t.n) into v_seqs
  from unnest(p_runs) with ordinality as t (run_id, n) left join ${schema}.run r on r.run_id = t.run_id;
  with stored as (
    insert into ${schema}.result
      (run_seq, row, source, line, status, dataset_group_id, trace_id, span_id, error_code, error, draft, finished_at)
    select v_seqs[n.call], n.row, n.source, n.line, n.status, n.dataset_group, n.trace, n.span, n.code, n.error,
      n.draft, case when n.status <> ${STATUS_CODES.queued} then ${schema}.now_ms() end
    from unnest(p_call, p_rows, p_sources, p_lines, p_statuses, p_groups, p_traces, p_spans, p_codes, p_errors,
      p_drafts) as n (call, row, source, line, status, dataset_group, trace, span, code, error, draft)
    where v_seqs[n.call] is not null
    order by v_seqs[n.call], n.row
    on conflict (run_seq, row) do nothing
    returning run_seq, status
  )
  select array_agg(run_seq), array_agg(status) into v_runs, v_new from stored;
  if v_runs is not null then
    perform ${schema}.move_counts(v_runs, array_fill(null::smallint, array[cardinality(v_runs)]), v_new);
  end if;
  return (select array_agg(seq is not null order by n) from unnest(v_seqs) with ordinality as t (seq, n));
end $$;

create function ${schema}.mark_unprocessed(p_run_id text, p_rows integer[], p_keys uuid[])
returns integer language plpgsql set enable_seqscan = off as $$
declare
  v_run integer;
  v_marked integer;
begin
  perform pg_advisory_xact_lock(${locks.run}, seq) from ${schema}.run where run_id = p_run_id;
  select seq into v_run from ${schema}.run
  where run_id = p_run_id and state not in ('reading', 'draining');
  if not found then
    return 0;
  end if;
  update ${schema}.result r set status = ${STATUS_CODES.unprocessed}, finished_at = ${schema}.now_ms()
  from unnest(p_rows, p_keys) as t (row, key)
  where r.run_seq = v_run and r.row = t.row and r.status = ${STATUS_CODES.queued} and not exists (
    select from ${schema}.entry e
    where e.key = t.key and e.state = ${ENTRY_CODES.sending} and e.run_seq = v_run and e.row = t.row
  );
  get diagnostics v_marked = row_count;
  if v_marked > 0 then
    perform ${schema}.move_counts(
      array_fill(v_run, array[v_marked]),
      array_fill(${STATUS_CODES.queued}::smallint, array[v_marked]),
      array_fill(${STATUS_CODES.unprocessed}::smallint, array[v_marked]));
  end if;
  return v_marked;
end $$;

create function ${schema}.set_group(p_key text, p_phase text, p_draft bigint, p_baseline bigint)
returns void language plpgsql as $$
declare
  v_group integer;
  v_draft bigint;
begin
  insert into ${schema}.row_group (key, phase) values (p_key, 'new') on conflict (key) do nothing;
  perform pg_advisory_xact_lock(${locks.group}, id) from ${schema}.row_group where key = p_key;
  select id, draft into v_group, v_draft from ${schema}.row_group where key = p_key for update;
  if p_draft is not null and (p_baseline is not null or p_draft is distinct from v_draft) then
    update ${schema}.group_shard set added = 0 where group_id = v_group;
    update ${schema}.row_group set baseline = p_baseline where id = v_group;
  end if;
  update ${schema}.row_group set
    phase = p_phase, draft = coalesce(p_draft, draft), checked_at = ${schema}.now_ms()
  where id = v_group;
end $$;
`;
}
