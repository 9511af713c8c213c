/** The limiter: evenly spaced slots (GCRA), one row a limiter, moved by one update. */

/** A sender that has not asked for a slot this long no longer counts for the rate in force. */
const SENDER_SEEN_MS = 10_000;

export function limiter(schema: string): string {
  return `
create function ${schema}.precise_now_ms() returns double precision language sql volatile as $$
  select extract(epoch from clock_timestamp())::double precision * 1000
$$;

create function ${schema}.reserve_slots(
  p_limiters text[], p_senders text[], p_rates double precision[], p_counts integer[]
) returns table (start_in_ms double precision, interval_ms double precision, rate double precision)
language plpgsql as $$
declare
  v_now double precision;
  v_next double precision;
begin
  for i in 1 .. cardinality(p_limiters) loop
    v_now := ${schema}.precise_now_ms();
    insert into ${schema}.limiter_sender as s (name, sender, rate_per_second, seen_at)
    values (p_limiters[i], p_senders[i], p_rates[i], v_now)
    on conflict (name, sender) do update set
      rate_per_second = excluded.rate_per_second, seen_at = greatest(s.seen_at, excluded.seen_at);
    select least(min(s.rate_per_second),
      (select l.ceiling_per_second from ${schema}.limiter l where l.name = p_limiters[i]))
    into rate from ${schema}.limiter_sender s
    where s.name = p_limiters[i] and s.seen_at > v_now - ${SENDER_SEEN_MS};
    interval_ms := coalesce(1000 / rate, 0);
    insert into ${schema}.limiter as l (name, next_slot, paused_until)
    values (p_limiters[i], v_now + p_counts[i] * interval_ms, 0)
    on conflict (name) do update set
      next_slot = greatest(l.next_slot, ${schema}.precise_now_ms(), l.paused_until) + p_counts[i] * interval_ms
    returning l.next_slot into v_next;
    start_in_ms := greatest(0, v_next - p_counts[i] * interval_ms - ${schema}.precise_now_ms());
    return next;
  end loop;
end $$;

create function ${schema}.pause_limiter(p_name text, p_ms double precision) returns void language sql as $$
  insert into ${schema}.limiter as l (name, next_slot, paused_until)
  values (p_name, ${schema}.precise_now_ms() + p_ms, ${schema}.precise_now_ms() + p_ms)
  on conflict (name) do update set
    paused_until = greatest(l.paused_until, excluded.paused_until),
    next_slot = greatest(l.next_slot, excluded.paused_until)
$$;

create function ${schema}.note_answers(p_name text, p_answered bigint, p_refused bigint)
returns table (now bigint, version integer, answered bigint, refused bigint, ceiling double precision, memory jsonb)
language sql as $$
  insert into ${schema}.limiter as l (name, next_slot, paused_until, answered, refused)
  values (p_name, 0, 0, p_answered, p_refused)
  on conflict (name) do update set
    answered = l.answered + excluded.answered, refused = l.refused + excluded.refused
  returning ${schema}.now_ms(), l.pace_version, l.answered, l.refused, l.ceiling_per_second, l.pace_memory
$$;

-- A repeat finds the pace it set.
create function ${schema}.set_pace(p_name text, p_version integer, p_ceiling double precision, p_memory jsonb)
returns boolean language plpgsql as $$
begin
  insert into ${schema}.limiter (name, next_slot, paused_until) values (p_name, 0, 0) on conflict (name) do nothing;
  update ${schema}.limiter set
    ceiling_per_second = p_ceiling, pace_memory = p_memory, pace_version = p_version + 1
  where name = p_name and pace_version = p_version;
  return found or exists (
    select from ${schema}.limiter
    where name = p_name and pace_version = p_version + 1 and pace_memory = p_memory
      and ceiling_per_second is not distinct from p_ceiling
  );
end $$;

-- Senders that have long fallen silent.
create function ${schema}.forget_senders() returns void language sql as $$
  delete from ${schema}.limiter_sender where seen_at < ${schema}.now_ms() - 3600000
$$;
`;
}
