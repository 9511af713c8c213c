/** Syncs, their history, and the functions over them. All changes of syncs take one lock: they are few. */
import { HISTORY_TICKS } from "../../../core/syncs.ts";
import { lockClasses } from "./counters.ts";

export function syncs(schema: string): string {
  const lock = `perform pg_advisory_xact_lock(${lockClasses(schema).syncs}, 0)`;
  return `
create table ${schema}.sync (
  name        text primary key,
  origin      text not null,
  definition  jsonb not null,
  version     bigint not null,
  applied_at  bigint not null,
  state       jsonb,
  carried     jsonb not null default '[]',
  claim_owner bigint,
  claim_token bigint,
  -- Null: of whatever group.
  claim_group bigint
) with (fillfactor = 50);

create table ${schema}.sync_tick (
  name   text not null,
  id     text not null,
  at     bigint not null,
  record jsonb not null,
  primary key (name, id)
) with (fillfactor = 70);
create index sync_tick_at on ${schema}.sync_tick (name, at desc, id desc);

create table ${schema}.sync_revision (revision bigint not null);
insert into ${schema}.sync_revision values (0);

create function ${schema}.apply_syncs(p_revision bigint, p_rename jsonb, p_put jsonb, p_remove text[])
returns boolean language plpgsql as $$
declare
  v_pair record;
begin
  ${lock};
  update ${schema}.sync_revision set revision = revision + 1 where revision = p_revision;
  if not found then
    return false;
  end if;
  for v_pair in select r ->> 'from' as old_name, r ->> 'to' as new_name from jsonb_array_elements(p_rename) as r loop
    update ${schema}.sync set name = v_pair.new_name, claim_owner = null, claim_token = null, claim_group = null
    where name = v_pair.old_name;
    update ${schema}.sync_tick set name = v_pair.new_name where name = v_pair.old_name;
  end loop;
  insert into ${schema}.sync as s (name, origin, definition, version, applied_at)
  select p ->> 'name', p ->> 'origin', p -> 'text', 1, ${schema}.now_ms() from jsonb_array_elements(p_put) as p
  on conflict (name) do update set origin = excluded.origin, definition = excluded.definition,
    version = s.version + 1, applied_at = excluded.applied_at;
  delete from ${schema}.sync where name = any (p_remove);
  delete from ${schema}.sync_tick where name = any (p_remove);
  return true;
end $$;

-- Answers null when there is no such sync, '' when it is claimed now, else the name of the sync that is in the way.
create function ${schema}.claim_sync(p_name text, p_owner bigint, p_token bigint, p_group bigint)
returns table (by_name text) language plpgsql as $$
declare
  v_origin text;
  v_owner bigint;
  v_other text;
begin
  ${lock};
  select origin, claim_owner into v_origin, v_owner from ${schema}.sync where name = p_name;
  if not found then
    return query select null::text;
    return;
  end if;
  if not ${schema}.lease_held(p_owner) or (v_owner <> p_owner and ${schema}.lease_held(v_owner)) then
    return query select p_name;
    return;
  end if;
  select name into v_other from ${schema}.sync
  where name <> p_name and origin = v_origin and ${schema}.lease_held(claim_owner)
    and (claim_group is null or p_group is null or claim_group = p_group)
  order by name limit 1;
  if found then
    return query select v_other;
    return;
  end if;
  update ${schema}.sync set claim_owner = p_owner, claim_token = p_token, claim_group = p_group where name = p_name;
  return query select '';
end $$;

create function ${schema}.change_sync(
  p_name text, p_version bigint, p_token bigint, p_state jsonb, p_carried jsonb, p_ticks jsonb, p_release boolean
) returns boolean language plpgsql as $$
begin
  ${lock};
  update ${schema}.sync set
    version = version + 1,
    state = coalesce(p_state, state),
    carried = coalesce(p_carried, carried),
    claim_owner = case when p_release then null else claim_owner end,
    claim_token = case when p_release then null else claim_token end,
    claim_group = case when p_release then null else claim_group end
  where name = p_name and version = p_version and (p_token is null or claim_token = p_token);
  if not found then
    return false;
  end if;
  insert into ${schema}.sync_tick as t (name, id, at, record)
  select p_name, k ->> 'id', (k ->> 'at')::bigint, k -> 'record' from jsonb_array_elements(p_ticks) as k
  on conflict (name, id) do update set at = excluded.at, record = excluded.record;
  delete from ${schema}.sync_tick t using (
    select id from ${schema}.sync_tick where name = p_name order by at desc, id desc offset ${HISTORY_TICKS}
  ) old where jsonb_array_length(p_ticks) > 0 and t.name = p_name and t.id = old.id;
  return true;
end $$;
`;
}
