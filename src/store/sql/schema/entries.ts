/** Functions over entries that no request makes or ends: decided by a person, moved between stores, forgotten. */
import { ENTRY_CODES } from "../codes.ts";
import { lockClasses } from "./counters.ts";

export function entries(schema: string): string {
  const locks = lockClasses(schema);
  return `
create function ${schema}.decide_entry(
  p_key uuid, p_group text, p_decision text, p_draft bigint, p_by text, p_why text
) returns boolean language plpgsql set enable_seqscan = off as $$
declare
  v_group integer := ${schema}.group_named(p_group);
  v_present bigint;
  v_draft bigint;
  e ${schema}.entry;
  v_found boolean;
  v_added integer := 0;
  v_change boolean := true;
begin
  perform pg_advisory_xact_lock_shared(${locks.group}, v_group);
  select draft into v_present from ${schema}.row_group where id = v_group;
  loop
    select * into e from ${schema}.entry where key = p_key for update;
    v_found := found;
    if v_found and e.state = ${ENTRY_CODES.sending} then
      return false;
    end if;
    v_draft := coalesce(p_draft, e.draft, v_present);
    if p_decision = 'absent' then
      delete from ${schema}.entry where key = p_key;
      v_change := v_found;
    elsif v_found then
      v_change := e.state <> ${ENTRY_CODES.added} or e.draft is distinct from v_draft;
      update ${schema}.entry set state = ${ENTRY_CODES.added}, draft = v_draft, until_ms = null, owner = null
      where key = p_key and v_change;
      v_added := coalesce((v_draft = v_present)::integer, 0);
    else
      -- Under a token that no request ever had.
      insert into ${schema}.entry (key, token, draft, group_id, run_seq, row, state)
      values (p_key, 0, v_draft, v_group, 0, 0, ${ENTRY_CODES.added})
      on conflict (key) do nothing;
      if not found then
        continue;
      end if;
    end if;
    exit;
  end loop;
  if v_found and e.state = ${ENTRY_CODES.added} then
    v_added := v_added - coalesce((e.draft = v_present)::integer, 0);
  end if;
  if v_change then
    perform ${schema}.move_groups(array[v_group], array[v_added]);
  end if;
  -- A repeated call leaves one note.
  insert into ${schema}.entry_note (key, at, decided_by, decision, why)
  select p_key, ${schema}.now_ms(), p_by, p_decision, p_why
  where v_change or not exists (
    select from (
      select decided_by, decision, why from ${schema}.entry_note where key = p_key order by id desc limit 1
    ) last
    where last.decided_by = p_by and last.decision = p_decision and last.why = p_why
  );
  return true;
end $$;

create function ${schema}.put_entries(
  p_keys uuid[], p_groups text[], p_states smallint[], p_tokens bigint[], p_drafts bigint[], p_untils bigint[]
) returns integer language plpgsql set enable_seqscan = off as $$
declare
  v_groups integer[];
begin
  perform ${schema}.group_named(g.key)
  from (select distinct key from unnest(p_groups) as t (key) order by key) g;
  perform pg_advisory_xact_lock_shared(${locks.group}, g.id)
  from (select id from ${schema}.row_group where key = any (p_groups) order by id) g;
  with taken as (
    insert into ${schema}.entry as e (key, token, draft, until_ms, group_id, run_seq, row, state)
    select distinct on (n.key) n.key, n.token, n.draft,
      case when n.state = ${ENTRY_CODES.unknown} then n.until_ms end, g.id, 0, 0, n.state
    from unnest(p_keys, p_groups, p_states, p_tokens, p_drafts, p_untils)
      as n (key, group_key, state, token, draft, until_ms)
    join ${schema}.row_group g on g.key = n.group_key
    order by n.key, n.state desc
    on conflict (key) do update set
      state = excluded.state, token = excluded.token, draft = excluded.draft, until_ms = null, owner = null,
      -- The same request's: its row in this store was added by itself.
      run_seq = case when e.token = excluded.token then e.run_seq else 0 end,
      row = case when e.token = excluded.token then e.row else 0 end
    where e.state = ${ENTRY_CODES.unknown} and excluded.state = ${ENTRY_CODES.added}
    returning e.group_id
  )
  select array_agg(group_id) into v_groups from taken;
  if v_groups is null then
    return 0;
  end if;
  perform ${schema}.move_groups(v_groups, array_fill(0, array[cardinality(v_groups)]));
  return cardinality(v_groups);
end $$;

create function ${schema}.remove_entries(p_group text, p_limit integer)
returns integer language plpgsql set enable_seqscan = off as $$
declare
  v_group integer;
  v_keys uuid[];
begin
  select id into v_group from ${schema}.row_group where key = p_group;
  perform pg_advisory_xact_lock_shared(${locks.group}, v_group);
  select array_agg(key) into v_keys from (
    select key from ${schema}.entry where group_id = v_group and state = ${ENTRY_CODES.added}
    order by key limit p_limit for update
  ) oldest;
  if v_keys is null then
    return 0;
  end if;
  delete from ${schema}.entry where key = any (v_keys);
  perform ${schema}.move_groups(
    array_fill(v_group, array[cardinality(v_keys)]), array_fill(0, array[cardinality(v_keys)]));
  return cardinality(v_keys);
end $$;
`;
}
