import type { Clock } from '../../core/clock.ts'
import type { ByteStreams } from '../../protocol/byte-streams.ts'
import type { Accounts } from '../auth/accounts.ts'
import type { Sessions } from '../auth/sessions.ts'
import type { Hub } from '../hub.ts'
import type { HubLog } from '../hub-log.ts'
import type { RuntimeSettings } from '../runtime-settings.ts'
import type { SecretsVault } from '../secrets/secrets-vault.ts'

/** What the HTTP API is a face of. */
export interface HttpServices extends Pick<
  Hub,
  'hubId' | 'store' | 'live' | 'jobs' | 'deletion' | 'pins' | 'cleanups' | 'dispatch' | 'operations' | 'retention' | 'nodes'
> {
  version: string
  /** where what nodes send arrives */
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
