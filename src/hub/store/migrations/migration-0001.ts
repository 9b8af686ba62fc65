import type { Migration } from './migration.ts'

export const migration0001: Migration = {
  version: 1,
  name: 'jobs, runs, users and secrets',
  statements: [
    `create table settings (
      name text primary key not null,
      value text not null,
      updated_at integer not null
    ) strict`,

    // A name is one person's, however it is written.
    `create table users (
      id text primary key not null,
      name text not null collate nocase unique,
      role text not null,
      password_hash text not null,
      created_at integer not null,
      updated_at integer not null,
      disabled_at integer
    ) strict`,

    // The id is a hash of the token that the browser has: who reads the database cannot log in with it.
    `create table sessions (
      id text primary key not null,
      user_id text not null references users (id) on delete cascade,
      csrf_token text not null,
      created_at integer not null,
      seen_at integer not null,
      expires_at integer not null,
      address text not null,
      user_agent text not null
    ) strict`,
    `create index sessions_user on sessions (user_id)`,
    `create index sessions_expiry on sessions (expires_at)`,

    `create table secrets (
      node_id text not null,
      name text not null,
      kind text not null,
      sealed blob not null,
      created_at integer not null,
      updated_at integer not null,
      primary key (node_id, name)
    ) strict`,

    `create table age_keys (
      name text primary key not null,
      recipient text not null unique,
      sealed blob not null,
      created_at integer not null,
      exported_at integer
    ) strict`,

    `create table jobs (
      id text primary key not null,
      name text not null,
      node_id text not null,
      spec text not null,
      secret_name text,
      target_id text,
      next_run_at integer,
      last_ended_state text,
      created_at integer not null,
      updated_at integer not null,
      archived_at integer
    ) strict`,
    `create index jobs_due on jobs (node_id, next_run_at) where next_run_at is not null`,
    // Counts are read from here alone.
    `create index jobs_counted on jobs (last_ended_state, archived_at, next_run_at)`,
    `create index jobs_secret on jobs (node_id, secret_name) where secret_name is not null and archived_at is null`,
    `create index jobs_listed on jobs (id) where archived_at is null`,
    `create index jobs_archived on jobs (id) where archived_at is not null`,
    `create index jobs_last_ended on jobs (last_ended_state, id) where archived_at is null`,

    `create table runs (
      id text primary key not null,
      job_id text not null references jobs (id),
      node_id text not null,
      state text not null,
      outcome text,
      error text,
      retry_of text,
      attempt integer not null,
      fire_at integer,
      not_before integer,
      folded integer not null default 0,
      created_at integer not null,
      offered_at integer,
      offer text,
      started_at integer,
      ended_at integer,
      cancel_requested_at integer,
      grade text,
      consistency_changed_total integer not null default 0,
      issues_total integer not null default 0,
      last_seq integer not null default 0,
      node_seq integer not null default 0,
      progress text,
      summary text
    ) strict`,
    // No fire time has two runs, whoever asks.
    `create unique index runs_fire on runs (job_id, fire_at) where fire_at is not null`,
    `create index runs_job on runs (job_id, id)`,
    `create index runs_job_state on runs (job_id, state, id)`,
    `create index runs_state on runs (state, id)`,
    // Few rows at any time, read at every step of a run.
    `create index runs_unended_node on runs (node_id, state, id) where ended_at is null`,
    `create index runs_unended_job on runs (job_id, id) where ended_at is null`,

    // Kept in the order they are read in: the events of a run lie together.
    `create table run_events (
      run_id text not null references runs (id) on delete cascade,
      seq integer not null,
      ts integer not null,
      level text not null,
      kind text not null,
      message text not null,
      fields text not null,
      node_seq integer,
      primary key (run_id, seq)
    ) strict, without rowid`,

    `create table run_artifacts (
      run_id text primary key not null references runs (id),
      job_id text not null references jobs (id),
      node_id text not null,
      status text not null,
      target_type text not null,
      target_snapshot text not null,
      target_id text not null,
      manifest_hash text not null,
      artifact_format text not null,
      recipients text not null,
      grade text not null,
      holes integer not null,
      totals text not null,
      completed_at integer not null,
      ended_at integer not null
    ) strict`,
    `create index run_artifacts_job on run_artifacts (job_id, run_id)`,
  ],
}
