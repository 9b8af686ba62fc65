import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import path from 'node:path'
import { Kysely } from 'kysely'
import { expect, test } from 'vitest'
import { createJobStore } from '../../../src/hub/store/job-store.ts'
import { createOverviewStore } from '../../../src/hub/store/overview-store.ts'
import { createRunEventStore } from '../../../src/hub/store/run-event-store.ts'
import { createRunStore } from '../../../src/hub/store/run-store.ts'
import { createScheduleStore } from '../../../src/hub/store/schedule-store.ts'
import { createSettingStore } from '../../../src/hub/store/setting-store.ts'
import { createSqliteDialect } from '../../../src/hub/store/sqlite-dialect.ts'
import type { SqliteStatement } from '../../../src/hub/store/sqlite-statement.ts'
import { startSqliteThread } from '../../../src/hub/store/sqlite-thread.ts'
import { openStore } from '../../../src/hub/store/store.ts'
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
    runEvents: createRunEventStore(databases),
    schedule: createScheduleStore(databases, { jobs, settings }),
    overview: createOverviewStore(databases),
  }
}

const id = anId(someTime, 'x')
const cursor = anId(someTime, 'y')

const questions: Record<string, [ask: Parameters<typeof plansOf>[0], plans: string[]]> = {
  'the list of jobs': [
    ({ jobs }) => jobs.list({}, { cursor, limit: 50 }),
    [
      'SEARCH job USING INDEX jobs_listed (id<?) | SEARCH run USING INDEX sqlite_autoindex_runs_1 (id=?) LEFT-JOIN | CORRELATED SCALAR SUBQUERY 1 | SEARCH runs USING COVERING INDEX runs_job (job_id=?)',
    ],
  ],
  'the first page of jobs': [
    ({ jobs }) => jobs.list({}, { limit: 50 }),
    [
      'SCAN job USING INDEX jobs_listed | SEARCH run USING INDEX sqlite_autoindex_runs_1 (id=?) LEFT-JOIN | CORRELATED SCALAR SUBQUERY 1 | SEARCH runs USING COVERING INDEX runs_job (job_id=?)',
    ],
  ],
  'the archived jobs': [
    ({ jobs }) => jobs.list({ archived: true }, { limit: 50 }),
    [
      'SCAN job USING INDEX jobs_archived | SEARCH run USING INDEX sqlite_autoindex_runs_1 (id=?) LEFT-JOIN | CORRELATED SCALAR SUBQUERY 1 | SEARCH runs USING COVERING INDEX runs_job (job_id=?)',
    ],
  ],
  'the first page of runs': [({ runs }) => runs.list({}, { limit: 50 }), ['SCAN runs USING INDEX sqlite_autoindex_runs_1']],
  'one job with its last run': [
    ({ jobs }) => jobs.describe(id),
    [
      'SEARCH job USING INDEX sqlite_autoindex_jobs_1 (id=?) | SEARCH run USING INDEX sqlite_autoindex_runs_1 (id=?) LEFT-JOIN | CORRELATED SCALAR SUBQUERY 1 | SEARCH runs USING COVERING INDEX runs_job (job_id=?)',
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
  'counts of jobs': [({ overview }) => overview.jobCounts(), ['SCAN jobs USING COVERING INDEX jobs_counted']],
  'counts of runs': [
    ({ overview }) => overview.runCounts(),
    ['SEARCH runs USING COVERING INDEX runs_state (state=?)', 'SEARCH runs USING COVERING INDEX runs_state (state=?)'],
  ],
  'what runs now': [({ overview }) => overview.running(20), ['SEARCH runs USING INDEX runs_state (state=?) | USE TEMP B-TREE FOR ORDER BY']],
  'what fails': [
    ({ overview }) => overview.failing(20),
    [
      'SEARCH job USING INDEX jobs_last_ended (last_ended_state=?) | SEARCH run USING INDEX sqlite_autoindex_runs_1 (id=?) | CORRELATED SCALAR SUBQUERY 1 | SEARCH runs USING COVERING INDEX runs_job_state (job_id=? AND state=?)',
    ],
  ],
}

for (const [name, [ask, plans]] of Object.entries(questions)) {
  test(`${name}: found by an index`, async () => {
    expect(await plansOf(ask)).toEqual(plans)
  })
}
