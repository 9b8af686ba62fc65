import type { RunRecord } from '../store/run-store.ts'
import type { DispatchServices } from './dispatch-services.ts'

/** Asks nodes for what the Hub should have been told and was not. */
export interface MissingMessages {
  /** Events before those that came are missing. Asked for once, until {@link remind}: a node that has none of them must not keep both sides busy. */
  ask(run: RunRecord): void
  /** What was told could not be kept. */
  note(runId: string): void
  /** Asks again for what did not come. */
  remind(): Promise<void>
}

export function createMissingMessages({ store, sessions }: Pick<DispatchServices, 'store' | 'sessions'>): MissingMessages {
  /** by run: the last event that was there when it was asked for */
  const asked = new Map<string, number | null>()
  const attach = ({ id, node_id, node_seq }: RunRecord) => sessions.send(node_id, { type: 'run.attach', run_id: id, after_seq: node_seq })
  return {
    ask(run) {
      if (asked.get(run.id) === run.node_seq) return
      asked.set(run.id, run.node_seq)
      attach(run)
    },
    note(runId) {
      asked.set(runId, null)
    },
    async remind() {
      for (const [runId, seq] of asked) {
        const run = await store.runs.get(runId)
        const isMissing = run !== null && run.ended_at === null && (seq === null || run.node_seq === seq)
        if (!isMissing) {
          asked.delete(runId)
          continue
        }
        asked.set(runId, run.node_seq)
        attach(run)
      }
    },
  }
}
