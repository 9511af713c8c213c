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
    select min(s.rate_per_second) into rate from ${schema}.limiter_sender s
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

-- Senders that have long fallen silent.
create function ${schema}.forget_senders() returns void language sql as $$
  delete from ${schema}.limiter_sender where seen_at < ${schema}.now_ms() - 3600000
$$;
`;
}
