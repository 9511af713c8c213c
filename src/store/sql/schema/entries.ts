/** Functions over entries that no request makes or ends: decided by a person, moved between stores, forgotten. */
import { ENTRY_CODES } from "../codes.ts";
import { lockClasses } from "./counters.ts";

export function entries(schema: string): string {
  const locks = lockClasses(schema);
  return `
-- Makes an entry added that is not yet, or not to that draft. Of the changes that the present draft's count speaks of,
-- only one is certain to have come after the baseline: an unknown entry that was claimed for that draft.
create function ${schema}.confirm_entry(e ${schema}.entry, p_draft bigint, p_present bigint)
returns void language plpgsql set enable_seqscan = off as $$
declare
  v_was_present boolean := coalesce(e.draft = p_present, false);
  v_is_present boolean := coalesce(p_draft = p_present, false);
  v_counts boolean := e.state = ${ENTRY_CODES.unknown} and v_was_present;
begin
  update ${schema}.entry set state = ${ENTRY_CODES.added}, draft = p_draft, until_ms = null, owner = null
  where key = e.key;
  perform ${schema}.move_groups(array[e.group_id], array[(v_counts and v_is_present)::integer]);
  if not v_counts and (v_was_present or v_is_present) then
    update ${schema}.row_group set resent = resent + 1 where id = e.group_id;
  end if;
end $$;

-- What was seen: null for whatever it is now, 0 for no entry, else a state with its token.
create function ${schema}.decide_entry(
  p_key uuid, p_group text, p_decision text, p_draft bigint, p_by text, p_why text,
  p_seen_state smallint, p_seen_token bigint
) returns boolean language plpgsql set enable_seqscan = off as $$
declare
  v_group integer;
  v_present bigint;
  v_draft bigint;
  e ${schema}.entry;
  v_change boolean := false;
  v_other boolean;
begin
  perform pg_advisory_xact_lock(${locks.decision}, hashtext(p_key::text));
  if p_decision = 'added' then
    perform ${schema}.group_named(p_group);
  end if;
  select id into v_group from ${schema}.row_group where key = p_group;
  perform pg_advisory_xact_lock_shared(${locks.group}, v_group);
  select draft into v_present from ${schema}.row_group where id = v_group;
  loop
    select * into e from ${schema}.entry where key = p_key for update;
    if e.state = ${ENTRY_CODES.sending} then
      return false;
    end if;
    v_other := coalesce(e.state, 0) <> p_seen_state or e.token <> p_seen_token;
    if p_decision = 'absent' then
      exit when e.key is null;
      if v_other then
        return false;
      end if;
      delete from ${schema}.entry where key = p_key;
      perform ${schema}.move_groups(array[e.group_id], array[0]);
      if e.state = ${ENTRY_CODES.added} and e.draft = v_present then
        update ${schema}.row_group set resent = resent + 1 where id = e.group_id;
      end if;
    else
      v_draft := coalesce(p_draft, e.draft, v_present);
      exit when e.state = ${ENTRY_CODES.added} and e.draft is not distinct from v_draft;
      if v_other then
        return false;
      end if;
      if e.key is null then
        -- Under a token that no request ever had; claimed for no draft.
        insert into ${schema}.entry (key, token, group_id, run_seq, row, state)
        values (p_key, 0, v_group, 0, 0, ${ENTRY_CODES.unknown})
        on conflict (key) do nothing
        returning * into e;
        if not found then
          continue;
        end if;
      end if;
      perform ${schema}.confirm_entry(e, v_draft, v_present);
    end if;
    v_change := true;
    exit;
  end loop;
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
  v_confirmed integer := 0;
  known record;
begin
  perform ${schema}.group_named(g.key)
  from (select distinct key from unnest(p_groups) as t (key) order by key) g;
  perform pg_advisory_xact_lock_shared(${locks.group}, g.id)
  from (select id from ${schema}.row_group where key = any (p_groups) order by id) g;
  with taken as (
    insert into ${schema}.entry (key, token, draft, until_ms, group_id, run_seq, row, state)
    select distinct on (n.key) n.key, n.token, n.draft,
      case when n.state = ${ENTRY_CODES.unknown} then n.until_ms end, g.id, 0, 0, n.state
    from unnest(p_keys, p_groups, p_states, p_tokens, p_drafts, p_untils)
      as n (key, group_key, state, token, draft, until_ms)
    join ${schema}.row_group g on g.key = n.group_key
    order by n.key, n.state desc
    on conflict (key) do nothing
    returning group_id
  )
  select array_agg(group_id) into v_groups from taken;
  for known in
    select e.key, n.draft, g.draft as present
    from unnest(p_keys, p_states, p_drafts) as n (key, state, draft)
    join ${schema}.entry e on e.key = n.key and e.state = ${ENTRY_CODES.unknown}
    join ${schema}.row_group g on g.id = e.group_id
    where n.state = ${ENTRY_CODES.added}
    order by e.key for update of e
  loop
    perform ${schema}.confirm_entry(e, coalesce(known.draft, e.draft, known.present), known.present)
    from ${schema}.entry e where e.key = known.key and e.state = ${ENTRY_CODES.unknown};
    v_confirmed := v_confirmed + found::integer;
  end loop;
  if v_groups is not null then
    perform ${schema}.move_groups(v_groups, array_fill(0, array[cardinality(v_groups)]));
  end if;
  return coalesce(cardinality(v_groups), 0) + v_confirmed;
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
