/** Functions over groups: the gate, the draft and what was read of it, and the verdict on entries in doubt. */
import { ENTRY_CODES } from "../codes.ts";
import { lockClasses } from "./counters.ts";

export function groups(schema: string): string {
  const locks = lockClasses(schema);
  return `
-- Under the group's exclusive lock, if only for a moment: every claim is over before, or sees the gate closed.
create function ${schema}.lock_group(p_key text, p_owner bigint, p_ttl_ms bigint)
returns boolean language plpgsql as $$
declare
  v_group integer;
begin
  if not ${schema}.lease_held(p_owner) then
    return false;
  end if;
  v_group := ${schema}.group_named(p_key);
  if exists (
    select from ${schema}.row_group
    where id = v_group and lock_owner <> p_owner and lock_until > ${schema}.now_ms()
      and ${schema}.lease_held(lock_owner)
  ) then
    return false;
  end if;
  perform pg_advisory_xact_lock(${locks.group}, v_group);
  update ${schema}.row_group set lock_owner = p_owner, lock_until = ${schema}.now_ms() + p_ttl_ms
  where id = v_group and (
    lock_owner is null or lock_owner = p_owner or lock_until <= ${schema}.now_ms()
    or not ${schema}.lease_held(lock_owner)
  );
  return found;
end $$;

create function ${schema}.set_group(p_key text, p_phase text, p_draft bigint, p_baseline bigint)
returns void language plpgsql as $$
declare
  v_group integer := ${schema}.group_named(p_key);
  v_draft bigint;
begin
  perform pg_advisory_xact_lock(${locks.group}, v_group);
  select draft into v_draft from ${schema}.row_group where id = v_group for update;
  if p_draft is not null and (p_baseline is not null or p_draft is distinct from v_draft) then
    update ${schema}.group_shard set added = 0 where group_id = v_group;
    perform ${schema}.move_groups(array[v_group], array[0]);
    update ${schema}.row_group set baseline = p_baseline, resent = 0 where id = v_group;
  end if;
  update ${schema}.row_group set
    phase = p_phase, draft = coalesce(p_draft, draft), checked_at = ${schema}.now_ms()
  where id = v_group;
end $$;

create function ${schema}.put_group(
  p_key text, p_phase text, p_draft bigint, p_baseline bigint, p_added integer, p_resent bigint
) returns void language plpgsql as $$
declare
  v_group integer := ${schema}.group_named(p_key);
begin
  perform pg_advisory_xact_lock(${locks.group}, v_group);
  update ${schema}.row_group set phase = p_phase, draft = p_draft, baseline = p_baseline, resent = p_resent
  where id = v_group and phase = 'new';
  if not found then
    return;
  end if;
  update ${schema}.group_shard set added = 0 where group_id = v_group;
  perform ${schema}.move_groups(array[v_group], array[p_added]);
end $$;

-- Null: refused. Under the group's exclusive lock nothing of it is claimed, settled or swept meanwhile.
create function ${schema}.commit_verdict(
  p_key text, p_kind text, p_version bigint, p_draft bigint, p_keys uuid[]
) returns integer language plpgsql set enable_seqscan = off as $$
declare
  v_group integer;
  v_draft bigint;
  v_judged uuid[];
  v_count integer;
begin
  perform pg_advisory_xact_lock(${locks.group}, id) from ${schema}.row_group where key = p_key;
  select id, draft into v_group, v_draft from ${schema}.row_group where key = p_key;
  if v_draft is distinct from p_draft or ${schema}.version_of(v_group) <> p_version or exists (
    select from ${schema}.entry where group_id = v_group and state = ${ENTRY_CODES.sending}
  ) then
    return null;
  end if;
  select array_agg(key) into v_judged from ${schema}.entry
  where group_id = v_group and state = ${ENTRY_CODES.unknown} and (p_kind = 'resend' or draft = p_draft)
    and (p_keys is null or key = any (p_keys));
  if v_judged is null then
    return 0;
  end if;
  v_count := cardinality(v_judged);
  if p_kind = 'landed' then
    update ${schema}.entry set state = ${ENTRY_CODES.added}, until_ms = null, owner = null
    where key = any (v_judged);
  else
    delete from ${schema}.entry where key = any (v_judged);
  end if;
  if p_kind = 'resend' then
    update ${schema}.row_group set resent = resent + v_count where id = v_group;
  end if;
  perform ${schema}.move_groups(
    array_fill(v_group, array[v_count]), array_fill((p_kind = 'landed')::integer, array[v_count]));
  return v_count;
end $$;
`;
}
