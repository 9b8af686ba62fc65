import type { Clock } from '../../core/clock.ts'
import type { ByteStreams } from '../../protocol/byte-streams.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import type { Accounts } from '../auth/accounts.ts'
import type { Sessions } from '../auth/sessions.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { HubLog } from '../hub-log.ts'
import type { LiveEvents } from '../live-events.ts'
import type { NodeSessions } from '../nodes/node-sessions.ts'
import type { SecretsVault } from '../secrets/secrets-vault.ts'
import type { RuntimeSettings } from '../runtime-settings.ts'
import type { Store } from '../store/store.ts'

/** What the HTTP API is a face of. */
export interface HttpServices {
  version: string
  store: Store
  changes: AnnouncedChanges
  live: LiveEvents
  dispatch: Dispatch
  nodes: NodeSessions
  streams: ByteStreams
  vault: SecretsVault
  accounts: Accounts
  sessions: Sessions
  settings: RuntimeSettings
  clock: Clock
  log: HubLog
  /** a new UUIDv7 */
  newId(): string
}
