import type { KeptRunEvent } from '../core/run-event.ts'
import type { LiveMessage, LiveTopic } from '../protocol/live-messages.ts'
import type { LiveEvents } from './live-events.ts'
import type { Repositories, Store } from './store/store.ts'

/** Notes, while a transaction is under way, what has to be told when it is committed. */
export interface Announcements {
  /** It was made or stands elsewhere. What is told is how it stands at the end of the transaction. */
  run(runId: string): void
  events(runId: string, events: readonly KeptRunEvent[]): void
  job(jobId: string): void
  /** Its brakes, or what is thought of its artifacts; null: of more than one job. */
  retention(jobId: string | null): void
  artifact(runId: string): void
  /** as of a run */
  operation(operationId: string): void
  operationEvents(operationId: string, events: readonly KeptRunEvent[]): void
}

/** Changes that whoever listens is told of: after they are kept, in their order, and never those that are not. */
export interface AnnouncedChanges {
  transaction<T>(work: (tx: Repositories, announce: Announcements) => Promise<T>): Promise<T>
}

export function createAnnouncedChanges({ store, live }: { store: Store; live: LiveEvents }): AnnouncedChanges {
  return {
    async transaction(work) {
      const messages: [LiveTopic, LiveMessage][] = []
      const result = await store.transaction(async (tx) => {
        const runs = new Set<string>()
        const jobs = new Set<string>()
        const artifacts = new Set<string>()
        const retention = new Set<string | null>()
        const operations = new Set<string>()
        const done = await work(tx, {
          run: (runId) => runs.add(runId),
          job: (jobId) => jobs.add(jobId),
          retention: (jobId) => retention.add(jobId),
          artifact: (runId) => artifacts.add(runId),
          operation: (operationId) => operations.add(operationId),
          operationEvents(operationId, events) {
            for (const event of events) messages.push([`operation:${operationId}`, { type: 'operation.event', operation_id: operationId, event }])
          },
          events(runId, events) {
            for (const event of events) messages.push([`run:${runId}`, { type: 'run.event', run_id: runId, event }])
          },
        })
        for (const runId of runs) {
          const run = await tx.runs.listed(runId)
          if (run === null) continue
          jobs.add(run.job_id)
          messages.push([`run:${runId}`, { type: 'run.changed', run }], ['runs', { type: 'run.changed', run }])
        }
        for (const runId of artifacts) {
          const artifact = await tx.artifacts.listed(runId)
          if (artifact !== null) messages.push(['artifacts', { type: 'artifact.changed', artifact }])
        }
        for (const operationId of operations) {
          const operation = await tx.operations.listed(operationId)
          if (operation === null) continue
          const message = { type: 'operation.changed', operation } as const
          messages.push([`operation:${operationId}`, message], ['operations', message])
        }
        for (const jobId of jobs) messages.push(['jobs', { type: 'job.changed', job_id: jobId }])
        for (const jobId of retention) messages.push(['jobs', { type: 'retention.changed', job_id: jobId }])
        return done
      })
      for (const [topic, message] of messages) live.publish(topic, message)
      return result
    },
  }
}
