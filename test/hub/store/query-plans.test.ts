import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import path from 'node:path'
import { Kysely } from 'kysely'
import { expect, test } from 'vitest'
import { createArtifactStore } from '../../../src/hub/store/artifact-store.ts'
import { createBrakeStore } from '../../../src/hub/store/brake-store.ts'
import { createDeleteTaskStore } from '../../../src/hub/store/delete-task-store.ts'
import { createHistoryStore } from '../../../src/hub/store/history-store.ts'
import { createIncompleteRunStore } from '../../../src/hub/store/incomplete-run-store.ts'
import { createJobStore } from '../../../src/hub/store/job-store.ts'
import { createOverviewStore } from '../../../src/hub/store/overview-store.ts'
import { createRetentionStore } from '../../../src/hub/store/retention-store.ts'
import { createRunStore } from '../../../src/hub/store/run-store.ts'
import { createScheduleStore } from '../../../src/hub/store/schedule-store.ts'
import { createSettingStore } from '../../../src/hub/store/setting-store.ts'
import { createSqliteDialect } from '../../../src/hub/store/sqlite-dialect.ts'
import type { SqliteStatement } from '../../../src/hub/store/sqlite-statement.ts'
import { startSqliteThread } from '../../../src/hub/store/sqlite-thread.ts'
import { openStore } from '../../../src/hub/store/store.ts'
import { createWorkEventStore } from '../../../src/hub/store/work-event-store.ts'
import { createOperationStore } from '../../../src/hub/store/operation-store.ts'
import type { Tables } from '../../../src/hub/store/tables.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { anId, someTime } from '../../support/hub-records.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/** How SQLite answers what the repositories ask, one line a step, `|` between those of one question. */
async function plansOf(ask: (repositories: ReturnType<typeof makeRepositories>) => Promise<unknown>): Promise<string[]> {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'bastion.db')
  await (await openStore({ file, clock: createFakeClock(someTime) }))[Symbol.asyncDispose]()
  const statements: SqliteStatement[] = []
  {
    await using thread = startSqliteThread({ file, pragmas: [] })
    const db = new Kysely<Tables>({
      dialect: createSqliteDialect({
        run(statement) {
          statements.push(statement)
          return thread.run(statement)
        },
        [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
      }),
    })
    await ask(makeRepositories(db))
  }
  const database = new DatabaseSync(file)
  try {
    return statements.map(({ sql, parameters }) => {
      const steps = database.prepare(`explain query plan ${sql}`).all(...(parameters as SQLInputValue[])) as { detail: string }[]
      return steps.map(({ detail }) => detail).join(' | ')
    })
  } finally {
    database.close()
  }
}

function makeRepositories(db: Kysely<Tables>) {
  const databases = { read: db, write: db }
  const jobs = createJobStore(databases)
  const settings = createSettingStore(databases)
  return {
    jobs,
    runs: createRunStore(databases),
    runEvents: createWorkEventStore(databases, 'run'),
    schedule: createScheduleStore(databases, { jobs, settings }),
    overview: createOverviewStore(databases),
    artifacts: createArtifactStore(databases),
    deleteTasks: createDeleteTaskStore(databases),
    retention: createRetentionStore(databases),
    brakes: createBrakeStore(databases),
    history: createHistoryStore(databases),
    operations: createOperationStore(databases),
    operationEvents: createWorkEventStore(databases, 'operation'),
    incompleteRuns: createIncompleteRunStore(databases),
    cleanupTasks: createDeleteTaskStore(databases, 'incomplete'),
  }
}

const id = anId(someTime, 'x')
const cursor = anId(someTime, 'y')

const place = { node_id: 'hub', target_id: 'target-1' }
const newestFirst = { sort: 'ended_at', order: 'desc' } as const
const at = `${someTime}.${id}`

const retentionQuestions: Record<string, [ask: Parameters<typeof plansOf>[0], plans: string[]]> = {
  'what retention decides on': [
    ({ retention }) => retention.artifacts('job'),
    [
      'SEARCH run_artifacts USING COVERING INDEX run_artifacts_retention (job_id=?)',
      'SEARCH run_artifacts USING INDEX run_artifacts_damaged (job_id=?)',
    ],
  ],
  'what retention has asked for': [
    ({ retention }) => retention.requestedWithin('job', { since: 0, until: 1 }),
    [
      'SEARCH artifact_delete_tasks USING COVERING INDEX artifact_delete_tasks_asked (job_id=? AND requested_by=? AND requested_at>? AND requested_at<?)',
    ],
  ],
  'what a run is compared with': [
    ({ retention }) => retention.acceptedBefore(id, 'job', { until: 1, limit: 5 }),
    ['SEARCH run_artifacts USING INDEX run_artifacts_job (job_id=? AND ended_at<?)'],
  ],
  'what waits for a judgement': [
    ({ retention }) => retention.unjudged('job', 10),
    ['SEARCH run_artifacts USING INDEX run_artifacts_suspicious (job_id=?)'],
  ],
  'how the last runs ended': [({ retention }) => retention.lastEnded('job', { until: 1, limit: 3 }), ['SEARCH runs USING INDEX runs_job (job_id=?)']],
  'the last delete of a target': [
    ({ retention }) => retention.lastSuccess('target'),
    ['SEARCH artifact_delete_tasks USING COVERING INDEX artifact_delete_tasks_done (target_id=?)'],
  ],
  'jobs that retention looks at': [({ retention }) => retention.jobs(id, 100), ['SEARCH jobs USING INDEX jobs_listed (id>?)']],
  'the brakes of a job': [
    ({ brakes }) => brakes.holding('job', ['target']),
    [
      'MULTI-INDEX OR | INDEX 1 | SEARCH retention_brakes USING PRIMARY KEY (kind=? AND scope=?) | INDEX 2 | SEARCH retention_brakes USING PRIMARY KEY (kind=? AND scope=?) | INDEX 3 | SEARCH retention_brakes USING PRIMARY KEY (kind=? AND scope=?) | USE TEMP B-TREE FOR ORDER BY',
    ],
  ],
}

const questions: Record<string, [ask: Parameters<typeof plansOf>[0], plans: string[]]> = {
  'the list of jobs': [
    ({ jobs }) => jobs.list({}, { cursor, limit: 50 }),
    [
      'SEARCH job USING INDEX jobs_listed (id<?) | SEARCH run USING INDEX sqlite_autoindex_runs_1 (id=?) LEFT-JOIN | CORRELATED SCALAR SUBQUERY 1 | SEARCH runs USING COVERING INDEX runs_job (job_id=?) | SEARCH drill USING INDEX sqlite_autoindex_operations_1 (id=?) LEFT-JOIN',
    ],
  ],
  'the first page of jobs': [
    ({ jobs }) => jobs.list({}, { limit: 50 }),
    [
      'SCAN job USING INDEX jobs_listed | SEARCH run USING INDEX sqlite_autoindex_runs_1 (id=?) LEFT-JOIN | CORRELATED SCALAR SUBQUERY 1 | SEARCH runs USING COVERING INDEX runs_job (job_id=?) | SEARCH drill USING INDEX sqlite_autoindex_operations_1 (id=?) LEFT-JOIN',
    ],
  ],
  'the archived jobs': [
    ({ jobs }) => jobs.list({ archived: true }, { limit: 50 }),
    [
      'SCAN job USING INDEX jobs_archived | SEARCH run USING INDEX sqlite_autoindex_runs_1 (id=?) LEFT-JOIN | CORRELATED SCALAR SUBQUERY 1 | SEARCH runs USING COVERING INDEX runs_job (job_id=?) | SEARCH drill USING INDEX sqlite_autoindex_operations_1 (id=?) LEFT-JOIN',
    ],
  ],
  'the first page of runs': [({ runs }) => runs.list({}, { limit: 50 }), ['SCAN runs USING INDEX sqlite_autoindex_runs_1']],
  'one job with its last run': [
    ({ jobs }) => jobs.describe(id),
    [
      'SEARCH job USING INDEX sqlite_autoindex_jobs_1 (id=?) | SEARCH run USING INDEX sqlite_autoindex_runs_1 (id=?) LEFT-JOIN | CORRELATED SCALAR SUBQUERY 1 | SEARCH runs USING COVERING INDEX runs_job (job_id=?) | SEARCH drill USING INDEX sqlite_autoindex_operations_1 (id=?) LEFT-JOIN',
    ],
  ],
  'the list of runs': [({ runs }) => runs.list({}, { cursor, limit: 50 }), ['SEARCH runs USING INDEX sqlite_autoindex_runs_1 (id<?)']],
  'the runs of a job': [({ runs }) => runs.list({ job_id: id }, { cursor, limit: 50 }), ['SEARCH runs USING INDEX runs_job (job_id=? AND id<?)']],
  'the failed runs': [
    ({ runs }) => runs.list({ status: 'failed' }, { cursor, limit: 50 }),
    ['SEARCH runs USING INDEX runs_state (state=? AND id<?)'],
  ],
  'the failed runs of a job': [
    ({ runs }) => runs.list({ job_id: id, status: 'failed' }, { cursor, limit: 50 }),
    ['SEARCH runs USING INDEX runs_job_state (job_id=? AND state=? AND id<?)'],
  ],
  'the running ones': [
    ({ runs }) => runs.list({ status: 'running' }, { cursor, limit: 50 }),
    ['SEARCH runs USING INDEX runs_state (state=? AND id<?) | USE TEMP B-TREE FOR ORDER BY'],
  ],
  'the events of a run': [({ runEvents }) => runEvents.list(id, 10, 100), ['SEARCH run_events USING PRIMARY KEY (run_id=? AND seq>?)']],
  'runs of a job that have not ended': [({ runs }) => runs.unended(id), ['SEARCH runs USING INDEX runs_unended_job (job_id=?)']],
  'runs with a node': [
    ({ runs }) => runs.withNode('hub'),
    ['SEARCH runs USING INDEX runs_unended_node (node_id=? AND state=?) | USE TEMP B-TREE FOR ORDER BY'],
  ],
  'runs that may start': [
    ({ runs }) => runs.startable('hub', someTime, 1),
    [
      'SEARCH run USING INDEX runs_unended_node (node_id=? AND state=?) | CORRELATED SCALAR SUBQUERY 1 | SEARCH other USING COVERING INDEX runs_job_state (job_id=? AND state=?)',
    ],
  ],
  'when a run may start': [({ runs }) => runs.nextStart('hub', someTime), ['SEARCH runs USING INDEX runs_unended_node (node_id=? AND state=?)']],
  'runs that wait too long': [
    ({ runs }) => runs.waitingSince('hub', someTime, 100),
    ['SEARCH runs USING INDEX runs_unended_node (node_id=? AND state=?)'],
  ],
  'nodes that are waited for': [({ runs }) => runs.nodesWaitedFor(), ['SEARCH runs USING INDEX runs_state (state=?) | USE TEMP B-TREE FOR DISTINCT']],
  'jobs that are due': [({ schedule }) => schedule.due('hub', someTime, 100), ['SEARCH jobs USING INDEX jobs_due (node_id=? AND next_run_at<?)']],
  'the next time of any job': [({ schedule }) => schedule.next('hub'), ['SEARCH jobs USING COVERING INDEX jobs_due (node_id=? AND next_run_at>?)']],
  'jobs with a schedule': [
    ({ schedule }) => schedule.scheduled('hub', id, 100),
    ['SEARCH jobs USING INDEX jobs_due (node_id=? AND next_run_at>?) | USE TEMP B-TREE FOR ORDER BY'],
  ],
  'upcoming jobs': [({ jobs }) => jobs.upcoming('hub', someTime, 10), ['SEARCH jobs USING INDEX jobs_due (node_id=? AND next_run_at>?)']],
  'jobs by secret': [({ jobs }) => jobs.usingSecret('hub', 'dav', 10), ['SEARCH jobs USING INDEX jobs_secret (node_id=? AND secret_name=?)']],
  'the list of operations': [
    ({ operations }) => operations.list({}, { cursor, limit: 50 }),
    ['SEARCH operations USING INDEX sqlite_autoindex_operations_1 (id<?)'],
  ],
  'the operations of a job': [
    ({ operations }) => operations.list({ job_id: id }, { cursor, limit: 50 }),
    ['SEARCH operations USING INDEX operations_job (job_id=? AND id<?)'],
  ],
  'the operations on an artifact': [
    ({ operations }) => operations.list({ run_id: id }, { limit: 50 }),
    ['SEARCH operations USING INDEX operations_run (run_id=?)'],
  ],
  'the drills': [
    ({ operations }) => operations.list({ kind: 'drill' }, { cursor, limit: 50 }),
    ['SEARCH operations USING INDEX operations_kind (kind=? AND id<?)'],
  ],
  'the failed operations': [
    ({ operations }) => operations.list({ status: 'failed' }, { cursor, limit: 50 }),
    ['SEARCH operations USING INDEX operations_state (state=? AND id<?)'],
  ],
  'the events of an operation': [
    ({ operationEvents }) => operationEvents.list(id, 10, 100),
    ['SEARCH operation_events USING PRIMARY KEY (operation_id=? AND seq>?)'],
  ],
  'operations with a node': [
    ({ operations }) => operations.withNode('hub'),
    ['SEARCH operations USING INDEX operations_unended_node (node_id=? AND state=?) | USE TEMP B-TREE FOR ORDER BY'],
  ],
  'the operation that may start': [
    ({ operations }) => operations.startable('hub'),
    ['SEARCH operations USING INDEX operations_unended_node (node_id=? AND state=?)'],
  ],
  'operations that wait too long': [
    ({ operations }) => operations.waitingSince('hub', someTime, 100),
    ['SEARCH operations USING INDEX operations_unended_node (node_id=? AND state=?)'],
  ],
  'a drill of a job that has not ended': [
    ({ operations }) => operations.hasUnended(id, 'drill'),
    ['SEARCH operations USING INDEX operations_unended_job (job_id=? AND kind=?)'],
  ],
  'an operation of a job that has not ended': [
    ({ operations }) => operations.hasUnended(id),
    ['SEARCH operations USING INDEX operations_unended_job (job_id=?)'],
  ],
  'jobs whose drill is due': [
    ({ schedule }) => schedule.dueDrills(someTime, 100),
    ['SEARCH jobs USING INDEX jobs_drill_due (next_drill_at>? AND next_drill_at<?)'],
  ],
  'the next drill of any job': [({ schedule }) => schedule.nextDrill(), ['SEARCH jobs USING COVERING INDEX jobs_drill_due (next_drill_at>?)']],
  'counts of what was proven': [({ overview }) => overview.provenCounts(), ['SCAN jobs USING INDEX jobs_proven']],
  'jobs whose drill has failed': [
    ({ overview }) => overview.failingDrills(20),
    ['SCAN job USING INDEX jobs_listed | SEARCH drill USING INDEX operations_state (state=? AND id=?)'],
  ],
  'jobs that were proven': [({ overview }) => overview.provenJobs(5000), ['SCAN jobs USING INDEX jobs_listed']],
  'the newest artifact of a job': [
    ({ artifacts }) => artifacts.newestPresent(id),
    ['SEARCH run_artifacts USING INDEX run_artifacts_live_job (job_id=?)'],
  ],
  'counts of jobs': [({ overview }) => overview.jobCounts(), ['SCAN jobs USING COVERING INDEX jobs_counted']],
  'counts of runs': [
    ({ overview }) => overview.runCounts(),
    ['SEARCH runs USING COVERING INDEX runs_state (state=?)', 'SEARCH runs USING COVERING INDEX runs_state (state=?)'],
  ],
  'what runs now': [({ overview }) => overview.running(20), ['SEARCH runs USING INDEX runs_state (state=?) | USE TEMP B-TREE FOR ORDER BY']],
  'runs day by day': [
    ({ overview }) => overview.days(someTime),
    ['SEARCH runs USING INDEX sqlite_autoindex_runs_1 (id>?) | USE TEMP B-TREE FOR GROUP BY'],
  ],
  'what fails': [
    ({ overview }) => overview.failing(20),
    [
      'SEARCH job USING INDEX jobs_last_ended (last_ended_state=?) | SEARCH run USING INDEX sqlite_autoindex_runs_1 (id=?) | CORRELATED SCALAR SUBQUERY 1 | SEARCH runs USING COVERING INDEX runs_job_state (job_id=? AND state=?)',
    ],
  ],
  'the artifacts of a job': [
    ({ artifacts }) => artifacts.list({ job_id: id }, newestFirst, { cursor: at, limit: 50 }),
    [
      'SEARCH job USING INDEX sqlite_autoindex_jobs_1 (id=?) | SEARCH artifact USING INDEX run_artifacts_live_job (job_id=? AND (ended_at,run_id)<(?,?))',
    ],
  ],
  'all artifacts': [
    ({ artifacts }) => artifacts.list({}, newestFirst, { cursor: at, limit: 50 }),
    ['SEARCH artifact USING INDEX run_artifacts_live ((ended_at,run_id)<(?,?)) | SEARCH job USING INDEX sqlite_autoindex_jobs_1 (id=?)'],
  ],
  'the largest artifacts': [
    ({ artifacts }) => artifacts.list({}, { sort: 'stored_bytes', order: 'desc' }, { limit: 50 }),
    ['SCAN artifact USING INDEX run_artifacts_live_stored | SEARCH job USING INDEX sqlite_autoindex_jobs_1 (id=?)'],
  ],
  'artifacts that were deleted': [
    ({ artifacts }) => artifacts.list({ status: 'deleted' }, newestFirst, { cursor: at, limit: 50 }),
    [
      'SEARCH artifact USING INDEX run_artifacts_status (status=? AND (ended_at,run_id)<(?,?)) | SEARCH job USING INDEX sqlite_autoindex_jobs_1 (id=?)',
    ],
  ],
  'artifacts in error': [
    ({ artifacts }) => artifacts.list({ status: 'error' }, newestFirst, { cursor: at, limit: 50 }),
    [
      'SEARCH artifact USING INDEX run_artifacts_status (status=? AND (ended_at,run_id)<(?,?)) | SEARCH job USING INDEX sqlite_autoindex_jobs_1 (id=?)',
    ],
  ],
  'pinned artifacts': [
    ({ artifacts }) => artifacts.list({ pinned: true }, newestFirst, { cursor: at, limit: 50 }),
    ['SEARCH artifact USING INDEX run_artifacts_pinned ((ended_at,run_id)<(?,?)) | SEARCH job USING INDEX sqlite_autoindex_jobs_1 (id=?)'],
  ],
  'what a job still has': [
    ({ artifacts }) => artifacts.liveOf(id, '', 100),
    ['SEARCH run_artifacts USING INDEX run_artifacts_live_job (job_id=?) | USE TEMP B-TREE FOR ORDER BY'],
  ],
  'how many are missing': [
    ({ artifacts }) => artifacts.missingSince('target-1', someTime),
    [
      'SEARCH artifact USING INDEX run_artifacts_missing (target_id=? AND deleted_at>?) | SEARCH task USING INDEX sqlite_autoindex_artifact_delete_tasks_1 (run_id=?)',
    ],
  ],
  'counts of artifacts': [({ artifacts }) => artifacts.counts(), ['SEARCH run_artifacts USING COVERING INDEX run_artifacts_live_counted (status=?)']],
  'what runs have left': [
    ({ incompleteRuns }) => incompleteRuns.list({}, { cursor, limit: 50 }),
    [
      'SEARCH task USING INDEX sqlite_autoindex_incomplete_cleanup_tasks_1 (run_id<?) | SEARCH run USING INDEX sqlite_autoindex_incomplete_runs_1 (run_id=?)',
    ],
  ],
  'what runs have left, of one status': [
    ({ incompleteRuns }) => incompleteRuns.list({ status: 'blocked' }, { limit: 50 }),
    [
      'SEARCH task USING INDEX incomplete_cleanup_tasks_status (status=?) | SEARCH run USING INDEX sqlite_autoindex_incomplete_runs_1 (run_id=?) | USE TEMP B-TREE FOR ORDER BY',
    ],
  ],
  'where cleanups are due': [
    ({ cleanupTasks }) => cleanupTasks.places(),
    ['SCAN incomplete_cleanup_tasks USING COVERING INDEX incomplete_cleanup_tasks_due'],
  ],
  'cleanups that are due': [
    ({ cleanupTasks }) => cleanupTasks.due(place, someTime, 100),
    ['SEARCH incomplete_cleanup_tasks USING INDEX incomplete_cleanup_tasks_due (node_id=? AND target_id=? AND next_attempt_at<?)'],
  ],
  'cleanups that were done long ago': [
    ({ incompleteRuns }) => incompleteRuns.forget(someTime),
    [
      'SEARCH incomplete_runs USING COVERING INDEX sqlite_autoindex_incomplete_runs_1 (run_id=?) | LIST SUBQUERY 1 | SEARCH incomplete_cleanup_tasks USING INDEX incomplete_cleanup_tasks_status (status=?) | SEARCH incomplete_cleanup_events USING PRIMARY KEY (run_id=?) | SEARCH incomplete_cleanup_tasks USING COVERING INDEX sqlite_autoindex_incomplete_cleanup_tasks_1 (run_id=?)',
    ],
  ],
  'where deletes are due': [({ deleteTasks }) => deleteTasks.places(), ['SCAN artifact_delete_tasks USING COVERING INDEX artifact_delete_tasks_due']],
  'deletes that are due': [
    ({ deleteTasks }) => deleteTasks.due(place, someTime, 100),
    ['SEARCH artifact_delete_tasks USING INDEX artifact_delete_tasks_due (node_id=? AND target_id=? AND next_attempt_at<?)'],
  ],
  'deletes that wait for a node': [
    ({ deleteTasks }) => deleteTasks.untold(place, someTime, someTime, 100),
    ['SEARCH artifact_delete_tasks USING INDEX artifact_delete_tasks_due (node_id=? AND target_id=? AND next_attempt_at<?)'],
  ],
  'deletes whose worker is gone': [
    ({ deleteTasks }) => deleteTasks.lost('worker', someTime, 100),
    ['SEARCH artifact_delete_tasks USING INDEX artifact_delete_tasks_leased (lease_until>?)'],
  ],
  'deletes that are held': [
    ({ deleteTasks }) => deleteTasks.held('target-1', 100),
    ['SEARCH artifact_delete_tasks USING INDEX artifact_delete_tasks_status (status=?)'],
  ],
  'targets with held deletes': [
    ({ deleteTasks }) => deleteTasks.holds(),
    ['SEARCH artifact_delete_tasks USING INDEX artifact_delete_tasks_status (status=?) | USE TEMP B-TREE FOR GROUP BY'],
  ],
  'targets on which deletes fail': [
    ({ deleteTasks }) => deleteTasks.failingTargets(),
    ['SEARCH artifact_delete_tasks USING INDEX artifact_delete_tasks_status (status=?) | USE TEMP B-TREE FOR GROUP BY'],
  ],
  'counts of deletes': [({ deleteTasks }) => deleteTasks.counts(), ['SCAN artifact_delete_tasks USING COVERING INDEX artifact_delete_tasks_status']],
  'what may be forgotten': [
    ({ history }) => history.prunable(someTime, id, 100),
    [
      'SEARCH run USING INDEX sqlite_autoindex_runs_1 (id>? AND id<?) | CORRELATED SCALAR SUBQUERY 1 | SEARCH run_artifacts USING INDEX sqlite_autoindex_run_artifacts_1 (run_id=?) | SEARCH later EXISTS USING COVERING INDEX runs_job (job_id=? AND id>?)',
    ],
  ],
  'jobs that can go': [
    ({ history }) => history.removable(),
    [
      'SCAN job USING INDEX jobs_removing | CORRELATED SCALAR SUBQUERY 1 | SEARCH run_artifacts USING INDEX run_artifacts_live_job (job_id=?) | CORRELATED SCALAR SUBQUERY 2 | SEARCH runs USING INDEX runs_unended_job (job_id=?)',
    ],
  ],
  'the log of a delete': [
    ({ deleteTasks }) => deleteTasks.events(id, 1, 100),
    ['SEARCH artifact_delete_events USING PRIMARY KEY (run_id=? AND seq>?)'],
  ],
}

for (const [name, [ask, plans]] of Object.entries({ ...questions, ...retentionQuestions })) {
  test(`${name}: found by an index`, async () => {
    expect(await plansOf(ask)).toEqual(plans)
  })
}
