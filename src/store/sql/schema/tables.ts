/**
 * The tables. Nothing that every claim writes is a single row: a run's counts and a group's `version` and `added` are
 * sums over shards, a group's `sending` and `unknown` are counted from a small partial index.
 */
import { ENTRY_CODES } from "../codes.ts";

export function tables(schema: string): string {
  return `
create table ${schema}.lease (
  id            bigint generated always as identity primary key,
  host          text not null,
  boot_id       text not null,
  pid           integer not null,
  process_start text not null,
  expires_at    bigint not null
);

create table ${schema}.run (
  seq             integer generated always as identity primary key,
  run_id          text not null unique,
  fingerprint     text not null,
  origin          text not null,
  sources         jsonb not null,
  options         jsonb not null,
  owner           bigint,
  parent          text,
  state           text not null,
  source_complete boolean not null default false,
  halt            jsonb,
  halted_groups   jsonb not null default '[]',
  warnings        jsonb not null default '[]',
  verdicts        jsonb not null default '[]',
  created_at      bigint not null,
  finished_at     bigint
) with (fillfactor = 70);

create table ${schema}.run_count (
  run_seq     integer not null,
  shard       smallint not null,
  queued      bigint not null,
  added       bigint not null,
  duplicate   bigint not null,
  invalid     bigint not null,
  rejected    bigint not null,
  failed      bigint not null,
  unknown     bigint not null,
  unprocessed bigint not null,
  primary key (run_seq, shard)
) with (fillfactor = 30);

-- Runs whose rows are still being deleted, a part at a time.
create table ${schema}.removed_run (seq integer primary key);

create table ${schema}.result (
  run_seq     integer not null,
  row         integer not null,
  source      integer not null,
  line        bigint not null,
  status      smallint not null,
  attempts    integer not null default 0,
  http_status smallint,
  mode        "char",
  duration_ms integer,
  draft       bigint,
  finished_at bigint,
  dataset_group_id text not null,
  trace_id    text not null,
  span_id     text not null,
  error_code  text,
  error       text,
  primary key (run_seq, row)
) with (fillfactor = 80);

create table ${schema}.entry (
  key      uuid primary key,
  token    bigint not null,
  -- The draft it was added to; until then, its group's draft when it was claimed.
  draft    bigint,
  until_ms bigint,
  owner    bigint,
  group_id integer not null,
  run_seq  integer not null,
  row      integer not null,
  state    smallint not null
);
create index entry_open on ${schema}.entry (group_id, state) where state <> ${ENTRY_CODES.added};

-- What people decided about entries.
create table ${schema}.entry_note (
  id         bigint generated always as identity primary key,
  key        uuid not null,
  at         bigint not null,
  decided_by text not null,
  decision   text not null,
  why        text not null
);
create index entry_note_key on ${schema}.entry_note (key, id);

create table ${schema}.row_group (
  id         integer generated always as identity primary key,
  key        text not null unique,
  phase      text not null,
  draft      bigint,
  baseline   bigint,
  checked_at bigint,
  resent     bigint not null default 0,
  lock_owner bigint,
  lock_until bigint
) with (fillfactor = 70);

create table ${schema}.group_shard (
  group_id integer not null,
  shard    smallint not null,
  version  bigint not null,
  added    bigint not null,
  primary key (group_id, shard)
) with (fillfactor = 30);

create table ${schema}.limiter (
  name         text primary key,
  -- Milliseconds since the epoch: when the next slot may start at the earliest.
  next_slot    double precision not null,
  paused_until double precision not null,
  answered     bigint not null default 0,
  refused      bigint not null default 0,
  -- Null: no ceiling.
  ceiling_per_second double precision,
  pace_version integer not null default 0,
  pace_memory  jsonb
) with (fillfactor = 30);

create table ${schema}.limiter_sender (
  name            text not null,
  sender          text not null,
  rate_per_second double precision,
  seen_at         bigint not null,
  primary key (name, sender)
) with (fillfactor = 50);
`;
}
