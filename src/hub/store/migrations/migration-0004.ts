import type { Migration } from './migration.ts'

export const migration0004: Migration = {
  version: 4,
  name: 'operations',
  statements: [
    // What was proven stays known when the run's own row is pruned.
    `create table operations (
      id text primary key not null,
      kind text not null,
      run_id text not null,
      job_id text not null references jobs (id) on delete cascade,
      node_id text not null,
      asked_by text not null,
      state text not null,
      outcome text,
      error text,
      spec text not null,
      created_at integer not null,
      offered_at integer,
      started_at integer,
      ended_at integer,
      cancel_requested_at integer,
      last_seq integer not null default 0,
      node_seq integer not null default 0,
      progress text,
      report text
    ) strict`,
    `create index operations_job on operations (job_id, id)`,
    `create index operations_run on operations (run_id, id)`,
    `create index operations_kind on operations (kind, id)`,
    `create index operations_state on operations (state, id)`,
    `create index operations_unended_node on operations (node_id, state, id) where ended_at is null`,
    `create index operations_unended_job on operations (job_id, kind) where ended_at is null`,

    `create table operation_events (
      operation_id text not null references operations (id) on delete cascade,
      seq integer not null,
      ts integer not null,
      level text not null,
      kind text not null,
      message text not null,
      fields text not null,
      node_seq integer,
      primary key (operation_id, seq)
    ) strict, without rowid`,

    // Drills: when the next one is due, the last one, and what the last one that succeeded has proven.
    `alter table jobs add column next_drill_at integer`,
    `alter table jobs add column last_drill_id text`,
    `alter table jobs add column proven_at integer`,
    `alter table jobs add column proven_run_id text`,
    `alter table jobs add column proven_restore_ms integer`,
    `create index jobs_drill_due on jobs (next_drill_at) where next_drill_at is not null`,
    // Few of many jobs may have been proven.
    `create index jobs_proven on jobs (proven_at) where archived_at is null`,
  ],
}
