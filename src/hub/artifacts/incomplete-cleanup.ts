import type { Clock } from '../../core/clock.ts'
import { newDeleteTask } from '../../core/delete-task.ts'
import { BastionError } from '../../core/errors.ts'
import { isLeftOver } from '../../core/incomplete-run.ts'
import { mostScannedAtOnce } from '../../protocol/node-requests.ts'
import type { ScannedPlace } from '../../protocol/node-replies.ts'
import type { PlanSecrets } from '../dispatch/dispatch-services.ts'
import type { HubLog } from '../hub-log.ts'
import { nodeForTarget } from '../nodes/node-for-target.ts'
import type { NodeSessions } from '../nodes/node-sessions.ts'
import type { StoredPlace } from '../store/incomplete-run-store.ts'
import type { Repositories, Store } from '../store/store.ts'
import { knownRun } from './cleanup-removal.ts'

/** Looks for what runs have left that never became artifacts, and has it removed when it is old. Disposed: a look that is under way ends. */
export interface IncompleteCleanup extends Disposable {
  /** Looks through each place where jobs store, once a day, one after the other. @returns when the next look is due */
  tick(): Promise<number | null>
}

export interface IncompleteCleanupServices {
  hubId: string
  store: Store
  nodes: Pick<NodeSessions, 'isConnected' | 'connected' | 'request'>
  vault: Pick<PlanSecrets, 'credentialsFor'>
  clock: Clock
  log: HubLog
  /** what has changed since then is none of it, asked each time */
  olderThanAt(): number
  /** there may be something to remove now */
  onTask(): void
}

const lookEveryMs = 24 * 60 * 60_000

type Incomplete = Extract<ScannedPlace, { state: 'incomplete' }>

export function createIncompleteCleanup(services: IncompleteCleanupServices): IncompleteCleanup {
  const { hubId, store, nodes, vault, clock, log, olderThanAt, onTask } = services
  const closing = new AbortController()

  /** @returns whether somebody could look */
  async function look(place: StoredPlace): Promise<boolean> {
    const nodeId = await nodeForTarget({ nodes, secrets: store.secrets }, { storedBy: place.node_id, target: place.target })
    if (nodeId === null) return false
    const { secret_name: _, ...target } = place.target
    const credentials = await vault.credentialsFor(nodeId, place.target)
    let targetId: string | undefined
    for (let after: string | undefined; ;) {
      const page = await nodes.request<'target.scan'>(
        nodeId,
        {
          kind: 'target.scan',
          target,
          credentials,
          only: 'incomplete',
          identities: [],
          limit: mostScannedAtOnce,
          ...(targetId !== undefined && { expected_target_id: targetId }),
          ...(after !== undefined && { after }),
        },
        { signal: closing.signal },
      )
      targetId = page.target_id
      const found = page.found.filter((one) => one.state === 'incomplete')
      if (found.length > 0 && (await keep(found, place, page.target_id)) > 0) onTask()
      if (page.next === null) return true
      after = page.next
    }
  }

  /** @returns how many shall be removed that were not before */
  function keep(found: readonly Incomplete[], place: StoredPlace, targetId: string): Promise<number> {
    return store.transaction(async (tx) => {
      let queued = 0
      for (const one of found) if (await keepOne(tx, one, place, targetId)) queued += 1
      return queued
    })
  }

  async function keepOne(tx: Repositories, one: Incomplete, { node_id, target }: StoredPlace, target_id: string): Promise<boolean> {
    const { job_id, run_id, objects, bytes, last_sign_at } = one
    const now = clock.now()
    if (!isLeftOver(one, await knownRun(tx, run_id), { hubId, olderThanAt: olderThanAt() })) return false
    const facts = { target_snapshot: target, objects, bytes, last_sign_at, found_at: now }
    const known = await tx.cleanupTasks.get(run_id)
    if (known !== null && known.status !== 'done') return false
    // It was removed, and is there again.
    if (known !== null) await tx.incompleteRuns.remove(run_id)
    await tx.incompleteRuns.insert(run_id, facts)
    await tx.cleanupTasks.insert(newDeleteTask({ run_id, job_id, node_id, target_id }, { force: false, by: 'cleanup', now }))
    const message = 'a run has left it that never became an artifact: it shall be removed'
    await tx.cleanupTasks.log(run_id, { ts: now, level: 'info', kind: 'requested', message, fields: { by: 'cleanup', objects, bytes, last_sign_at } })
    return true
  }

  return {
    async tick() {
      let next: number | null = null
      for (const place of await store.incompleteRuns.places()) {
        const dueAt = place.looked_at === null ? clock.now() : place.looked_at + lookEveryMs
        if (dueAt > clock.now()) {
          next = next === null ? dueAt : Math.min(next, dueAt)
          continue
        }
        try {
          if (await look(place)) await store.incompleteRuns.noteLook(place, clock.now())
        } catch (error) {
          if (closing.signal.aborted) break
          if (!(error instanceof BastionError)) throw error
          // A place nobody has stored in yet has no identity; any other failure passes, or deletes and runs meet it too and say so.
          log.info(
            { node_id: place.node_id, target_type: place.target.type, code: error.code },
            'a target could not be looked through for incomplete runs',
          )
        }
      }
      return next
    },
    [Symbol.dispose]: () => closing.abort(),
  }
}
