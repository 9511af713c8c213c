/** claim_rows: the sending protocol's claim, for many rows in one statement, each decided on its own. */
import { ENTRY_CODES, STATUS_CODES } from "../codes.ts";
import { lockClasses } from "./counters.ts";

/** How long a caller waits before it asks again. */
const DRAFT_RETRY_MS = 200;
const SENDING_RETRY_MS = 500;

const FINAL = [
  STATUS_CODES.added,
  STATUS_CODES.duplicate,
  STATUS_CODES.invalid,
  STATUS_CODES.rejected,
  STATUS_CODES.failed,
].join(", ");

export function claim(schema: string): string {
  const locks = lockClasses(schema);
  return `
create function ${schema}.claim_rows(
  p_keys uuid[], p_groups text[], p_runs text[], p_rows integer[], p_tokens bigint[], p_owners bigint[],
  p_hold_ms bigint[], p_limiters text[]
) returns table (kind text, retry_ms bigint) language plpgsql set enable_seqscan = off as $$
declare
  v_now bigint;
  v_run_id text;
  v_run integer;
  v_running boolean;
  v_status smallint;
  v_limiter text;
  v_paused_until double precision;
  v_group_key text;
  v_group integer;
  v_draft bigint;
  v_open boolean;
  v_gated boolean;
  v_solo boolean;
  v_named integer[] := '{}';
  v_alone integer[] := '{}';
  e ${schema}.entry;
  v_found boolean;
  v_same_row boolean;
  v_old smallint;
  g record;
  moved_runs integer[] := '{}';
  moved_old smallint[] := '{}';
  moved_new smallint[] := '{}';
  moved_groups integer[] := '{}';
begin
  perform pg_advisory_xact_lock_shared(${locks.run}, r.seq)
  from (select seq from ${schema}.run where run_id = any (p_runs) order by seq) r;
  for g in
    select id, phase = 'solo' and draft is null as solo from ${schema}.row_group
    where key = any (p_groups) order by id
  loop
    v_named := v_named || g.id;
    if g.solo then
      perform pg_advisory_xact_lock(${locks.group}, g.id);
      v_alone := v_alone || g.id;
    else
      perform pg_advisory_xact_lock_shared(${locks.group}, g.id);
    end if;
  end loop;

  for i in 1 .. cardinality(p_keys) loop
    v_now := ${schema}.now_ms();
    retry_ms := null;
    if v_run_id is distinct from p_runs[i] then
      v_run_id := p_runs[i];
      select seq, state in ('reading', 'draining') into v_run, v_running
      from ${schema}.run where run_id = v_run_id;
    end if;
    if v_running is not true then
      kind := 'stopped';
      return next;
      continue;
    end if;
    if v_limiter is distinct from p_limiters[i] then
      v_limiter := p_limiters[i];
      v_paused_until := null;
      select paused_until into v_paused_until from ${schema}.limiter where name = v_limiter;
    end if;
    if v_group_key is distinct from p_groups[i] then
      v_group_key := p_groups[i];
      v_open := null;
      -- Read under the group's lock: who closed the gate before is seen, who closes it later waits for this claim.
      select id, draft, phase <> 'new' and id = any (v_named), phase = 'solo' and draft is null,
        lock_owner is not null and lock_until > v_now and ${schema}.lease_held(lock_owner)
      into v_group, v_draft, v_open, v_solo, v_gated
      from ${schema}.row_group where key = v_group_key;
    end if;

    loop
      select * into e from ${schema}.entry where key = p_keys[i] for update;
      v_found := found;
      -- Read after the entry's lock: who held it may just have settled the row.
      v_status := null;
      select status into v_status from ${schema}.result where run_seq = v_run and row = p_rows[i];
      if v_status in (${FINAL}) then
        kind := 'done';
      elsif v_found and e.state = ${ENTRY_CODES.sending} and e.token = p_tokens[i] then
        -- What was granted before a pause, or before the gate was closed, stays so.
        kind := 'claimed';
      elsif v_paused_until > v_now then
        kind := 'paused';
        retry_ms := ceil(v_paused_until - v_now);
      elsif v_open is not true then
        kind := 'draft';
        retry_ms := ${DRAFT_RETRY_MS};
      elsif v_solo and (
        v_group <> all (v_alone)
        or exists (select from ${schema}.entry o where o.group_id = v_group and o.state = ${ENTRY_CODES.sending})
      ) then
        kind := 'draft';
        retry_ms := ${DRAFT_RETRY_MS};
      elsif v_gated then
        kind := 'draft';
        retry_ms := ${DRAFT_RETRY_MS};
      elsif not v_found then
        insert into ${schema}.entry (key, token, draft, until_ms, owner, group_id, run_seq, row, state)
        values (p_keys[i], p_tokens[i], v_draft, v_now + p_hold_ms[i], p_owners[i], v_group, v_run, p_rows[i],
          ${ENTRY_CODES.sending})
        on conflict (key) do nothing;
        if not found then
          continue;
        end if;
        -- Another claim of the row may have been granted and settled between the look and the insertion.
        perform from ${schema}.result
        where run_seq = v_run and row = p_rows[i] and status in (${FINAL});
        if found then
          delete from ${schema}.entry where key = p_keys[i];
          kind := 'done';
        else
          moved_groups := moved_groups || v_group;
          kind := 'claimed';
        end if;
      else
        v_same_row := e.run_seq = v_run and e.row = p_rows[i];
        if e.state = ${ENTRY_CODES.added} then
          kind := case when v_same_row then 'own' else 'other' end;
          v_status := case when v_same_row then ${STATUS_CODES.added} else ${STATUS_CODES.duplicate} end;
          v_old := ${schema}.set_result(v_run, p_rows[i], v_status, e.draft, null, null, null, null, null, null, v_now);
        else
          if e.state = ${ENTRY_CODES.sending} then
            if not v_same_row and v_now <= e.until_ms
              and exists (select from ${schema}.lease where id = e.owner and expires_at > v_now)
            then
              kind := 'sending';
              retry_ms := ${SENDING_RETRY_MS};
              exit;
            end if;
            update ${schema}.entry set state = ${ENTRY_CODES.unknown} where key = e.key;
            moved_groups := moved_groups || e.group_id;
            v_old := ${schema}.give_up_result(e.run_seq, e.row, v_now);
            if v_old is not null then
              moved_runs := moved_runs || e.run_seq;
              moved_old := moved_old || v_old;
              moved_new := moved_new || ${STATUS_CODES.unknown}::smallint;
            end if;
          end if;
          kind := 'unknown';
          v_status := ${STATUS_CODES.unknown};
          v_old := ${schema}.hold_result(v_run, p_rows[i], 'held',
            'an earlier request for this row ended without an answer', v_now);
        end if;
        if v_old is not null then
          moved_runs := moved_runs || v_run;
          moved_old := moved_old || v_old;
          moved_new := moved_new || v_status;
        end if;
      end if;
      exit;
    end loop;
    return next;
  end loop;

  if moved_groups <> '{}' then
    perform ${schema}.move_groups(moved_groups, array_fill(0, array[cardinality(moved_groups)]));
  end if;
  if moved_runs <> '{}' then
    perform ${schema}.move_counts(moved_runs, moved_old, moved_new);
  end if;
end $$;
`;
}
