import type { Migration } from './migration.ts'

export const migration0002: Migration = {
  version: 2,
  name: 'artifacts and their deletion',
  statements: [
    `alter table run_artifacts add column files integer not null default 0`,
    `alter table run_artifacts add column source_bytes integer not null default 0`,
    `alter table run_artifacts add column stored_bytes integer not null default 0`,
    `update run_artifacts set
      files = coalesce(json_extract(totals, '$.files'), 0),
      source_bytes = coalesce(json_extract(totals, '$.source_bytes'), 0),
      stored_bytes = coalesce(json_extract(totals, '$.stored_bytes'), 0)`,
    // Another Hub has stored it; null: this one.
    `alter table run_artifacts add column hub_id text`,
    `alter table run_artifacts add column pinned_at integer`,
    `alter table run_artifacts add column deleted_at integer`,
    `alter table run_artifacts add column ignored_at integer`,
    `alter table run_artifacts add column last_error_kind text`,
    `alter table run_artifacts add column last_error text`,
    `alter table run_artifacts add column last_attempt_at integer`,
    // Why retention does not trust it, and what a person has said to that.
    `alter table run_artifacts add column suspicious text`,
    `alter table run_artifacts add column judged text`,
    `alter table run_artifacts add column judged_at integer`,
    `drop index run_artifacts_job`,
    `create index run_artifacts_job on run_artifacts (job_id, ended_at, run_id)`,
    // What lists show unless they are asked for more.
    `create index run_artifacts_live_job on run_artifacts (job_id, ended_at, run_id) where deleted_at is null and ignored_at is null`,
    `create index run_artifacts_live on run_artifacts (ended_at, run_id) where deleted_at is null and ignored_at is null`,
    `create index run_artifacts_live_stored on run_artifacts (stored_bytes, run_id) where deleted_at is null and ignored_at is null`,
    `create index run_artifacts_live_source on run_artifacts (source_bytes, run_id) where deleted_at is null and ignored_at is null`,
    `create index run_artifacts_status on run_artifacts (status, ended_at, run_id)`,
    // Counts are read from here alone.
    `create index run_artifacts_live_counted on run_artifacts (status, target_type, stored_bytes, deleted_at, ignored_at) where deleted_at is null and ignored_at is null`,
    `create index run_artifacts_missing on run_artifacts (target_id, deleted_at) where status = 'missing'`,
    `create index run_artifacts_pinned on run_artifacts (ended_at, run_id) where pinned_at is not null`,

    // Those that go when their last artifact has gone.
    `alter table jobs add column removing_at integer`,
    `create index jobs_removing on jobs (id) where removing_at is not null`,

    `create table artifact_delete_tasks (
      run_id text primary key not null references run_artifacts (run_id) on delete cascade,
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
    // Few rows at any time, read at every look of the queue.
    `create index artifact_delete_tasks_due on artifact_delete_tasks (node_id, target_id, next_attempt_at) where next_attempt_at is not null`,
    `create index artifact_delete_tasks_leased on artifact_delete_tasks (lease_until) where lease_until is not null`,
    `create index artifact_delete_tasks_status on artifact_delete_tasks (status, since)`,
    `create index artifact_delete_tasks_asked on artifact_delete_tasks (job_id, requested_by, requested_at)`,

    `create table artifact_delete_events (
      run_id text not null references run_artifacts (run_id) on delete cascade,
      seq integer not null,
      ts integer not null,
      level text not null,
      kind text not null,
      message text not null,
      fields text not null,
      primary key (run_id, seq)
    ) strict, without rowid`,
  ],
}
