import type { Migration } from './migration.ts'

export const migration0003: Migration = {
  version: 3,
  name: 'retention',
  statements: [
    // Null: it has not ended, or not with an artifact.
    `alter table runs add column is_clean integer`,
    `update runs set is_clean = (issues_total = 0) where state = 'finished'`,

    // When it was made, by the Hub's clock. Null: nobody knows what the Hub's clock said, it was found on its target.
    `alter table run_artifacts add column made_at integer`,
    `update run_artifacts set made_at = min(ended_at, max(completed_at, coalesce((select offered_at from runs where id = run_id), ended_at)))`,
    // All that a look at a job reads.
    `create index run_artifacts_retention on run_artifacts
      (job_id, run_id, made_at, completed_at, ended_at, grade, pinned_at, target_id, status, judged, suspicious, hub_id)
      where status = 'present'`,
    `create index run_artifacts_suspicious on run_artifacts (job_id, run_id)
      where suspicious is not null and judged is null and status = 'present'`,
    `create index run_artifacts_damaged on run_artifacts (job_id) where status = 'error' and last_error_kind = 'damaged'`,
    `create index artifact_delete_tasks_done on artifact_delete_tasks (target_id, ended_at) where status = 'done'`,

    // The brakes that are on. \`scope\`: the id of the job or of the target; empty for the whole Hub.
    `create table retention_brakes (
      kind text not null,
      scope text not null,
      since integer not null,
      cause text not null,
      primary key (kind, scope)
    ) strict, without rowid`,
  ],
}
