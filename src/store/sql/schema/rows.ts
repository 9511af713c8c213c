/** Functions over a run's rows: stored, given up after a stop, taken up again, and brought in line with the ledger. */
import { ENTRY_CODES, STATUS_CODES } from "../codes.ts";
import { lockClasses } from "./counters.ts";

export function rows(schema: string): string {
  const locks = lockClasses(schema);
  return `
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

create function ${schema}.requeue(p_run_id text, p_from integer, p_to integer)
returns integer language plpgsql set enable_seqscan = off as $$
declare
  v_run integer;
  v_queued integer;
begin
  perform pg_advisory_xact_lock(${locks.run}, seq) from ${schema}.run where run_id = p_run_id;
  select seq into v_run from ${schema}.run where run_id = p_run_id and state in ('reading', 'draining');
  if not found then
    return 0;
  end if;
  update ${schema}.result set status = ${STATUS_CODES.queued}, finished_at = null
  where run_seq = v_run and row between p_from and p_to and status = ${STATUS_CODES.unprocessed};
  get diagnostics v_queued = row_count;
  if v_queued > 0 then
    perform ${schema}.move_counts(
      array_fill(v_run, array[v_queued]),
      array_fill(${STATUS_CODES.unprocessed}::smallint, array[v_queued]),
      array_fill(${STATUS_CODES.queued}::smallint, array[v_queued]));
  end if;
  return v_queued;
end $$;

-- The run's lock keeps its own claims and settlements away; what others do to its rows never touches unknown ones.
create function ${schema}.reconcile(p_run_id text, p_rows integer[], p_keys uuid[])
returns integer language plpgsql set enable_seqscan = off as $$
declare
  v_run integer;
  v_loose smallint;
  v_new smallint[];
begin
  perform pg_advisory_xact_lock(${locks.run}, seq) from ${schema}.run where run_id = p_run_id;
  select seq,
    case when state in ('reading', 'draining', 'verifying') then ${STATUS_CODES.queued}
      else ${STATUS_CODES.unprocessed} end
  into v_run, v_loose from ${schema}.run where run_id = p_run_id;
  if not found then
    return 0;
  end if;
  with settled as (
    select distinct on (t.row) t.row, e.draft, case
      when e.key is null then v_loose
      when e.run_seq = v_run and e.row = t.row then ${STATUS_CODES.added}
      else ${STATUS_CODES.duplicate}
    end::smallint as status
    from unnest(p_rows, p_keys) as t (row, key) left join ${schema}.entry e on e.key = t.key
    where e.key is null or e.state = ${ENTRY_CODES.added}
    order by t.row
  ), followed as (
    update ${schema}.result r set
      status = s.status, draft = s.draft, mode = null, http_status = null, duration_ms = null, error_code = null,
      error = null, finished_at = case when s.status <> ${STATUS_CODES.queued} then ${schema}.now_ms() end
    from settled s
    where r.run_seq = v_run and r.row = s.row and r.status = ${STATUS_CODES.unknown}
    returning s.status
  )
  select array_agg(status) into v_new from followed;
  if v_new is null then
    return 0;
  end if;
  perform ${schema}.move_counts(
    array_fill(v_run, array[cardinality(v_new)]),
    array_fill(${STATUS_CODES.unknown}::smallint, array[cardinality(v_new)]),
    v_new);
  return cardinality(v_new);
end $$;
`;
}
