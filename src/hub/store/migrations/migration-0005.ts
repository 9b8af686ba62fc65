import type { Migration } from './migration.ts'

export const migration0005: Migration = {
  version: 5,
  name: 'cleanup of incomplete runs',
  statements: [
    // Of runs this Hub may have forgotten.
    `create table incomplete_runs (
      run_id text primary key not null,
      target_snapshot text not null,
      objects integer not null,
      bytes integer not null,
      last_sign_at integer not null,
      found_at integer not null
    ) strict`,
    // As for artifacts.
    `create table incomplete_cleanup_tasks (
      run_id text primary key not null references incomplete_runs (run_id) on delete cascade,
      job_id text not null,
      node_id text not null,
      target_id text not null,
      status text not null,
      force integer not null,
      requested_by text not null,
      requested_at integer not null,
      since integer not null,
      attempts integer not null,
      touched integer not null,
      missing_confirmed integer not null,
      next_attempt_at integer,
      last_attempt_at integer,
      last_error_kind text,
      last_error text,
      claimed_by text,
      lease_until integer,
      ended_at integer,
      last_seq integer not null
    ) strict`,
    `create index incomplete_cleanup_tasks_due on incomplete_cleanup_tasks (node_id, target_id, next_attempt_at) where next_attempt_at is not null`,
    `create index incomplete_cleanup_tasks_leased on incomplete_cleanup_tasks (lease_until) where lease_until is not null`,
    `create index incomplete_cleanup_tasks_status on incomplete_cleanup_tasks (status, since)`,
    `create table incomplete_cleanup_events (
      run_id text not null references incomplete_runs (run_id) on delete cascade,
      seq integer not null,
      ts integer not null,
      level text not null,
      kind text not null,
      message text not null,
      fields text not null,
      primary key (run_id, seq)
    ) strict, without rowid`,

    `create table incomplete_looks (
      node_id text not null,
      target text not null,
      looked_at integer not null,
      primary key (node_id, target)
    ) strict, without rowid`,
  ],
}
