/** Functions over runs: made, changed, removed. */
import { ENTRY_CODES } from "../codes.ts";
import { lockClasses } from "./counters.ts";

export function runs(schema: string): string {
  const locks = lockClasses(schema);
  return `
create function ${schema}.create_run(
  p_run_id text, p_fingerprint text, p_origin text, p_sources jsonb, p_options jsonb, p_owner bigint,
  p_parent text
) returns boolean language plpgsql as $$
begin
  insert into ${schema}.run (run_id, fingerprint, origin, sources, options, owner, parent, state, created_at)
  select p_run_id, p_fingerprint, p_origin, p_sources, p_options, p_owner, p_parent, 'reading', ${schema}.now_ms()
  where not exists (select from ${schema}.run where run_id = p_run_id)
  on conflict (run_id) do nothing;
  return exists (
    select from ${schema}.run
    where run_id = p_run_id and fingerprint = p_fingerprint and owner = p_owner
  );
end $$;

-- A JSON null takes the halt, or the halted groups, away.
create function ${schema}.change_run(
  p_run_id text, p_from text[], p_state text, p_set_owner boolean, p_owner bigint, p_source_complete boolean,
  p_halt jsonb, p_halted_group jsonb, p_warning text, p_verdict jsonb, p_finished boolean
) returns boolean language plpgsql as $$
begin
  -- Waits for claims under way, and holds back new ones: after a stop is recorded, none is granted.
  perform pg_advisory_xact_lock(${locks.run}, seq) from ${schema}.run where run_id = p_run_id;
  update ${schema}.run set
    state = coalesce(p_state, state),
    owner = case when p_set_owner then p_owner else owner end,
    source_complete = coalesce(p_source_complete, source_complete),
    halt = case when p_halt is null then halt else nullif(p_halt, 'null') end,
    halted_groups = case
      when p_halted_group is null then halted_groups
      when p_halted_group = 'null' then '[]'
      when exists (
        select from jsonb_array_elements(halted_groups) as h (halted)
        where halted -> 'datasetGroupId' = p_halted_group -> 'datasetGroupId'
      ) then halted_groups
      else halted_groups || jsonb_build_array(p_halted_group)
    end,
    verdicts = case when p_verdict is null then verdicts else (
      select jsonb_agg(v.verdict order by (v.verdict ->> 'datasetGroupId')::bigint)
      from (
        select verdict from jsonb_array_elements(verdicts) as old (verdict)
        where verdict -> 'datasetGroupId' <> p_verdict -> 'datasetGroupId'
        union all select p_verdict
      ) v
    ) end,
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
`;
}
