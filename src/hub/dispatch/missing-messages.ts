import type { WorkRecord } from '../store/work-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import type { WorkKind } from './work-kind.ts'

type Asked = Pick<WorkRecord, 'id' | 'node_id' | 'node_seq'>

/** Asks nodes for what the Hub should have been told and was not. */
export interface MissingMessages {
  /** Events before those that came are missing. Asked for once, until {@link remind}: a node that has none of them must not keep both sides busy. */
  ask(kind: WorkKind, record: Asked): void
  /** What was told could not be kept. */
  note(kind: WorkKind, id: string): void
  /** Asks again for what did not come. */
  remind(): Promise<void>
}

export function createMissingMessages({ store, sessions }: Pick<DispatchServices, 'store' | 'sessions'>): MissingMessages {
  /** by id: the last event that was there when it was asked for */
  const asked = new Map<string, { kind: WorkKind; seq: number | null }>()
  const attach = (kind: WorkKind, { id, node_id, node_seq }: Asked) => sessions.send(node_id, kind.messages.attach(id, node_seq))
  return {
    ask(kind, record) {
      if (asked.get(record.id)?.seq === record.node_seq) return
      asked.set(record.id, { kind, seq: record.node_seq })
      attach(kind, record)
    },
    note(kind, id) {
      asked.set(id, { kind, seq: null })
    },
    async remind() {
      for (const [id, { kind, seq }] of asked) {
        const record = await kind.store(store).get(id)
        const isMissing = record !== null && record.ended_at === null && (seq === null || record.node_seq === seq)
        if (!isMissing) {
          asked.delete(id)
          continue
        }
        asked.set(id, { kind, seq: record.node_seq })
        attach(kind, record)
      }
    },
  }
}
