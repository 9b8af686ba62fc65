import { closeSync, openSync } from 'node:fs'
import { Kysely } from 'kysely'
import { type AgeKeyStore, createAgeKeyStore } from './age-key-store.ts'
import { type ArtifactStore, createArtifactStore } from './artifact-store.ts'
import { type BrakeStore, createBrakeStore } from './brake-store.ts'
import type { Databases } from './databases.ts'
import { createDeleteTaskStore, type DeleteTaskStore } from './delete-task-store.ts'
import { createHistoryStore, type HistoryStore } from './history-store.ts'
import { createIncompleteRunStore, type IncompleteRunStore } from './incomplete-run-store.ts'
import { createJobStore, type JobStore } from './job-store.ts'
import { migrate, type MigrateOptions } from './migrate.ts'
import { createOverviewStore, type OverviewStore } from './overview-store.ts'
import { createOperationStore, type OperationStore } from './operation-store.ts'
import { createRetentionStore, type RetentionStore } from './retention-store.ts'
import { createRunStore, type RunStore } from './run-store.ts'
import { createScheduleStore, type ScheduleStore } from './schedule-store.ts'
import { createSecretStore, type SecretStore } from './secret-store.ts'
import { createSessionStore, type SessionStore } from './session-store.ts'
import { createSettingStore, type SettingStore } from './setting-store.ts'
import { createSqliteDialect } from './sqlite-dialect.ts'
import { startSqliteThread } from './sqlite-thread.ts'
import type { Tables } from './tables.ts'
import { createUserStore, type UserStore } from './user-store.ts'
import { createWorkEventStore, type WorkEventStore } from './work-event-store.ts'

/** What the Hub knows, by noun. */
export interface Repositories {
  readonly jobs: JobStore
  readonly runs: RunStore
  readonly runEvents: WorkEventStore
  readonly operations: OperationStore
  readonly operationEvents: WorkEventStore
  readonly artifacts: ArtifactStore
  readonly deleteTasks: DeleteTaskStore
  readonly incompleteRuns: IncompleteRunStore
  readonly cleanupTasks: DeleteTaskStore
  readonly retention: RetentionStore
  readonly brakes: BrakeStore
  readonly history: HistoryStore
  readonly schedule: ScheduleStore
  readonly users: UserStore
  readonly sessions: SessionStore
  readonly secrets: SecretStore
  readonly ageKeys: AgeKeyStore
  readonly settings: SettingStore
  readonly overview: OverviewStore
}

export interface Store extends Repositories, AsyncDisposable {
  /**
   * All of `work` or nothing, and still there after a power cut when this resolves. There is one writer: nothing else is written meanwhile, so `work` does
   * nothing but reading and writing through `tx`. Writing through the store itself, from within, waits for ever.
   */
  transaction<T>(work: (tx: Repositories) => Promise<T>): Promise<T>
}

/** Of the database, in the data directory. */
export const databaseName = 'bastion.db'

const pragmas = ['pragma busy_timeout = 10000', 'pragma journal_mode = wal', 'pragma foreign_keys = on']

/**
 * Opens the database at `file`, makes it when there is none, and brings it to this version; one that is shared must have it.
 * @throws BastionError what {@link migrate} throws; SqliteError
 */
export async function openStore(options: Omit<MigrateOptions, 'steps'>): Promise<Store> {
  const { file } = options
  closeSync(openSync(file, 'a', 0o600))
  await using opened = new AsyncDisposableStack()
  const connect = (...more: string[]) => {
    const thread = opened.use(startSqliteThread({ file, pragmas: [...pragmas, ...more] }))
    return new Kysely<Tables>({ dialect: createSqliteDialect(thread) })
  }
  // A node forgets what the Hub has kept: so a commit is on the disk.
  const write = connect('pragma synchronous = full')
  await migrate(write, options)
  const read = connect('pragma query_only = on')
  const kept = opened.move()
  return {
    ...createRepositories({ read, write }),
    transaction: (work) => write.transaction().execute((tx) => work(createRepositories({ read: tx, write: tx }))),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

function createRepositories(databases: Databases): Repositories {
  const jobs = createJobStore(databases)
  const settings = createSettingStore(databases)
  return {
    jobs,
    settings,
    runs: createRunStore(databases),
    runEvents: createWorkEventStore(databases, 'run'),
    operations: createOperationStore(databases),
    operationEvents: createWorkEventStore(databases, 'operation'),
    artifacts: createArtifactStore(databases),
    deleteTasks: createDeleteTaskStore(databases),
    incompleteRuns: createIncompleteRunStore(databases),
    cleanupTasks: createDeleteTaskStore(databases, 'incomplete'),
    retention: createRetentionStore(databases),
    brakes: createBrakeStore(databases),
    history: createHistoryStore(databases),
    schedule: createScheduleStore(databases, { jobs, settings }),
    users: createUserStore(databases),
    sessions: createSessionStore(databases),
    secrets: createSecretStore(databases),
    ageKeys: createAgeKeyStore(databases),
    overview: createOverviewStore(databases),
  }
}
