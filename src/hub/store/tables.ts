import type { Generated } from 'kysely'

/** The columns as they are kept: times in milliseconds since 1970, ids as UUIDv7 text, JSON as text that its schema has written. */
export interface Tables {
  settings: { name: string; value: string; updated_at: number }
  users: {
    id: string
    name: string
    role: string
    password_hash: string
    created_at: number
    updated_at: number
    disabled_at: number | null
  }
  sessions: {
    id: string
    user_id: string
    csrf_token: string
    created_at: number
    seen_at: number
    expires_at: number
    address: string
    user_agent: string
  }
  secrets: { node_id: string; name: string; kind: string; sealed: Uint8Array; created_at: number; updated_at: number }
  age_keys: { name: string; recipient: string; sealed: Uint8Array; created_at: number; exported_at: number | null }
  jobs: {
    id: string
    name: string
    node_id: string
    spec: string
    secret_name: string | null
    target_id: string | null
    next_run_at: number | null
    last_ended_state: string | null
    next_drill_at: Generated<number | null>
    last_drill_id: Generated<string | null>
    proven_at: Generated<number | null>
    proven_run_id: Generated<string | null>
    proven_restore_ms: Generated<number | null>
    created_at: number
    updated_at: number
    archived_at: number | null
    /** it goes when its last artifact has gone */
    removing_at: Generated<number | null>
  }
  runs: {
    id: string
    job_id: string
    node_id: string
    state: string
    outcome: string | null
    error: string | null
    retry_of: string | null
    attempt: number
    fire_at: number | null
    not_before: number | null
    folded: Generated<number>
    created_at: number
    offered_at: number | null
    offer: string | null
    started_at: number | null
    ended_at: number | null
    cancel_requested_at: number | null
    grade: string | null
    consistency_changed_total: Generated<number>
    issues_total: Generated<number>
    last_seq: Generated<number>
    node_seq: Generated<number>
    progress: string | null
    summary: string | null
    is_clean: Generated<number | null>
  }
  run_events: {
    run_id: string
    seq: number
    ts: number
    level: string
    kind: string
    message: string
    fields: string
    node_seq: number | null
  }
  operations: {
    id: string
    kind: string
    run_id: string
    job_id: string
    node_id: string
    asked_by: string
    state: string
    outcome: string | null
    error: string | null
    spec: string
    created_at: number
    offered_at: number | null
    started_at: number | null
    ended_at: number | null
    cancel_requested_at: number | null
    last_seq: Generated<number>
    node_seq: Generated<number>
    progress: string | null
    report: string | null
  }
  operation_events: {
    operation_id: string
    seq: number
    ts: number
    level: string
    kind: string
    message: string
    fields: string
    node_seq: number | null
  }
  run_artifacts: {
    run_id: string
    job_id: string
    node_id: string
    status: string
    target_type: string
    target_snapshot: string
    target_id: string
    manifest_hash: string
    artifact_format: string
    recipients: string
    grade: string
    holes: number
    totals: string
    files: number
    source_bytes: number
    stored_bytes: number
    completed_at: number
    ended_at: number
    hub_id: string | null
    pinned_at: number | null
    deleted_at: number | null
    ignored_at: number | null
    last_error_kind: string | null
    last_error: string | null
    last_attempt_at: number | null
    suspicious: Generated<string | null>
    judged: Generated<string | null>
    judged_at: Generated<number | null>
    /** when it was made, by the Hub's clock; null: nobody knows */
    made_at: Generated<number | null>
  }
  artifact_delete_tasks: {
    run_id: string
    job_id: string
    node_id: string
    target_id: string
    status: string
    force: number
    requested_by: string
    requested_at: number
    since: number
    attempts: number
    touched: number
    missing_confirmed: number
    next_attempt_at: number | null
    last_attempt_at: number | null
    last_error_kind: string | null
    last_error: string | null
    claimed_by: string | null
    lease_until: number | null
    ended_at: number | null
    last_seq: number
  }
  /** What runs of this Hub have left on targets that never became an artifact. */
  incomplete_runs: { run_id: string; target_snapshot: string; objects: number; bytes: number; last_sign_at: number; found_at: number }
  incomplete_cleanup_tasks: Tables['artifact_delete_tasks']
  incomplete_cleanup_events: Tables['artifact_delete_events']
  /** When a place was looked through for such. `target` as jobs describe it. */
  incomplete_looks: { node_id: string; target: string; looked_at: number }
  artifact_delete_events: { run_id: string; seq: number; ts: number; level: string; kind: string; message: string; fields: string }
  retention_brakes: { kind: string; scope: string; since: number; cause: string }
}
