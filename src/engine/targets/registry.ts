import type { Clock } from '../../core/clock.ts'
import type { TargetConfig, TargetConfigOf, TargetKind } from '../../protocol/target-descriptions.ts'
import { createLocalDirTarget } from './local-dir/local-dir-target.ts'
import { createMemoryTarget } from './memory/memory-target.ts'
import type { Retries } from './retries.ts'
import { s3Options } from './s3/s3-options.ts'
import type { Target } from './target.ts'

/** What the process lends to a driver. */
export interface TargetContext {
  clock: Clock
  /** For drivers that send a stream in pieces and keep each until it is stored: only they can send it again. Absent: nothing is. */
  retries?: Retries
  /** What a person should know of and is no error, such as leftovers that cost money. */
  onNotice?: (message: string) => void
}

type OpenTarget<Kind extends TargetKind> = (config: TargetConfigOf<Kind>, context: TargetContext) => Target | Promise<Target>

/** One line a driver. A described kind that is missing here does not compile. */
const drivers: { readonly [Kind in TargetKind]: OpenTarget<Kind> } = {
  local_dir: ({ path }) => createLocalDirTarget({ path }),
  // Its client is read when it is needed: a command that writes to a folder starts without it.
  webdav: async ({ base_url, username, password, ca_certificate, timeout_s }, { clock }) => {
    const { createWebdavTarget } = await import('./webdav/webdav-target.ts')
    return createWebdavTarget({ baseUrl: base_url, username, password, caCertificate: ca_certificate, timeoutMs: timeout_s * 1000, clock })
  },
  s3: async (config, { clock, retries, onNotice }) => {
    // The SDK is large, and nobody else waits for it.
    const { createS3Target } = await import('./s3/s3-target.ts')
    return createS3Target({ ...s3Options(config), clock, retries, onLeftover: onNotice })
  },
  memory: (_, { clock }) => createMemoryTarget({ clock }),
  sftp: async ({ host_key: hostKey, private_key: privateKey, agent_socket: agentSocket, timeout_s: timeoutSeconds, ...rest }) => {
    // Loaded only when it is used: an SSH client is much for a backup to a disk.
    const { createSftpTarget } = await import('./sftp/sftp-target.ts')
    return createSftpTarget({ ...rest, hostKey, privateKey, agentSocket, timeoutMs: timeoutSeconds * 1000 })
  },
}

/** Opens the target of a config that its schema has accepted. Nothing is written, and nothing need be there yet. The caller closes it. */
export async function openTarget(config: TargetConfig, context: TargetContext): Promise<Target> {
  // The compiler does not see that a config's type and its driver belong together; `drivers` above proves it for each kind.
  const open = drivers[config.type] as (config: TargetConfig, context: TargetContext) => Target | Promise<Target>
  return await open(config, context)
}
