/** settle_rows: the sending protocol's settle, for many rows in one statement, each decided on its own. */
import { ENTRY_CODES, STATUS_CODES } from "../codes.ts";
import { lockClasses } from "./counters.ts";

export function settle(schema: string): string {
  const locks = lockClasses(schema);
  return `
create function ${schema}.settle_rows(
  p_keys uuid[], p_groups text[], p_runs text[], p_rows integer[], p_tokens bigint[], p_kinds text[],
  p_drafts bigint[], p_modes text[], p_codes text[], p_messages text[], p_attempts integer[],
  p_https integer[], p_durations integer[]
) returns void language plpgsql set enable_seqscan = off as $$
declare
  v_now bigint;
  v_run_id text;
  v_run integer;
  v_running boolean;
  v_group_key text;
  v_group integer;
  v_draft bigint;
  v_status smallint;
  v_code text;
  v_message text;
  e ${schema}.entry;
  v_found boolean;
  v_late boolean;
  v_change boolean;
  v_old smallint;
  moved_runs integer[] := '{}';
  moved_old smallint[] := '{}';
  moved_new smallint[] := '{}';
  moved_groups integer[] := '{}';
  moved_added integer[] := '{}';
begin
  perform pg_advisory_xact_lock_shared(${locks.run}, r.seq)
  from (select seq from ${schema}.run where run_id = any (p_runs) order by seq) r;
  insert into ${schema}.row_group (key, phase)
  select k, 'new' from (select distinct k from unnest(p_groups) as t (k)) missing
  where not exists (select from ${schema}.row_group g where g.key = k) order by k
  on conflict (key) do nothing;
  perform pg_advisory_xact_lock_shared(${locks.group}, g.id)
  from (select id from ${schema}.row_group where key = any (p_groups) order by id) g;
  -- The first confirmation may have to name the draft; the group comes before any entry.
  if 'added' = any (p_kinds) then
    perform from (
      select id from ${schema}.row_group where key = any (p_groups) and draft is null order by id for update
    ) g;
  end if;

  for i in 1 .. cardinality(p_keys) loop
    v_now := ${schema}.now_ms();
    if v_run_id is distinct from p_runs[i] then
      v_run_id := p_runs[i];
      v_run := null;
      select seq, state in ('reading', 'draining') into v_run, v_running
      from ${schema}.run where run_id = v_run_id;
    end if;
    if v_group_key is distinct from p_groups[i] then
      v_group_key := p_groups[i];
      select id, draft into v_group, v_draft from ${schema}.row_group where key = v_group_key;
    end if;
    v_change := false;
    v_status := null;
    v_code := p_codes[i];
    v_message := p_messages[i];

    if p_kinds[i] = 'added' then
      loop
        select * into e from ${schema}.entry where key = p_keys[i] for update;
        v_found := found;
        exit when v_found and e.state = ${ENTRY_CODES.added} and e.token = p_tokens[i];
        v_late := not v_found or e.token <> p_tokens[i];
        if v_found then
          update ${schema}.entry set
            state = ${ENTRY_CODES.added}, token = p_tokens[i], draft = p_drafts[i], group_id = v_group,
            run_seq = coalesce(v_run, case when v_late then 0 else e.run_seq end), row = p_rows[i],
            until_ms = null, owner = null
          where key = p_keys[i];
        else
          insert into ${schema}.entry (key, token, draft, group_id, run_seq, row, state)
          values (p_keys[i], p_tokens[i], p_drafts[i], v_group, coalesce(v_run, 0), p_rows[i],
            ${ENTRY_CODES.added})
          on conflict (key) do nothing;
          if not found then
            continue;
          end if;
        end if;
        if v_draft is null then
          update ${schema}.row_group set draft = p_drafts[i] where id = v_group;
          v_draft := p_drafts[i];
        end if;
        v_change := true;
        v_status := ${STATUS_CODES.added};
        if v_late then
          v_code := 'landed_late';
          v_message := coalesce(v_message || '; ', '') || 'the server''s answer came after the row had been given up';
        end if;
        exit;
      end loop;
    else
      select * into e from ${schema}.entry where key = p_keys[i] for update;
      if found and e.token = p_tokens[i] then
        if p_kinds[i] = 'unknown' then
          if e.state = ${ENTRY_CODES.sending} then
            update ${schema}.entry set state = ${ENTRY_CODES.unknown} where key = p_keys[i];
            v_change := true;
            v_status := ${STATUS_CODES.unknown};
          end if;
        elsif e.state <> ${ENTRY_CODES.added} then
          delete from ${schema}.entry where key = p_keys[i];
          v_change := true;
          v_status := case p_kinds[i]
            when 'rejected' then ${STATUS_CODES.rejected}
            when 'failed' then ${STATUS_CODES.failed}
            -- Held meanwhile, and nobody takes it up any more.
            when 'released' then case
              when not v_running and exists (
                select from ${schema}.result
                where run_seq = v_run and row = p_rows[i] and status = ${STATUS_CODES.unknown}
              ) then ${STATUS_CODES.unprocessed}
              else ${STATUS_CODES.queued}
            end
          end;
        end if;
      end if;
    end if;

    if v_change then
      moved_groups := moved_groups || v_group;
      moved_added := moved_added
        || (v_status = ${STATUS_CODES.added} and v_draft is not distinct from p_drafts[i])::integer;
      v_old := ${schema}.set_result(v_run, p_rows[i], v_status, p_drafts[i], p_modes[i]::"char", p_attempts[i],
        p_https[i]::smallint, p_durations[i], v_code, v_message, v_now);
      if v_old is not null then
        moved_runs := moved_runs || v_run;
        moved_old := moved_old || v_old;
        moved_new := moved_new || v_status;
      end if;
    end if;
  end loop;

  if moved_groups <> '{}' then
    perform ${schema}.move_groups(moved_groups, moved_added);
  end if;
  if moved_runs <> '{}' then
    perform ${schema}.move_counts(moved_runs, moved_old, moved_new);
  end if;
end $$;
`;
}
