import type { Clock } from '../../core/clock.ts'
import type { Credentials } from '../../protocol/run-plan.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import type { HubLog } from '../hub-log.ts'
import type { LiveEvents } from '../live-events.ts'
import type { NodeSessions } from '../nodes/node-sessions.ts'
import type { Store } from '../store/store.ts'

/** What dispatch asks of the vault. */
export interface PlanSecrets {
  /** The secret options of the target's driver. @throws BastionError */
  credentialsFor(nodeId: string, target: { type: string; secret_name?: string | undefined }): Promise<Credentials>
  /** The recipient of the key of this name, which is made when it is first used. @throws BastionError encryption_key_not_kept while its identity is nowhere else */
  recipientFor(keyName: string): Promise<string>
  /** The identities for what was encrypted to any of `recipients`. */
  identitiesFor(recipients: readonly string[]): Promise<string[]>
}

export interface DispatchServices {
  hubId: string
  store: Store
  changes: AnnouncedChanges
  live: LiveEvents
  sessions: NodeSessions
  vault: PlanSecrets
  clock: Clock
  log: HubLog
  /** a new UUIDv7 */
  newId(): string
  /** how many runs a node carries out at a time */
  limitOf(nodeId: string): number
}
