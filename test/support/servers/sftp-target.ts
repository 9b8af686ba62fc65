import { createSftpTarget, type SftpOptions } from '../../../src/engine/targets/sftp/sftp-target.ts'
import type { Target } from '../../../src/engine/targets/target.ts'

/** A target on a server that the tests started; whatever is given in `options` is meant otherwise. */
export function sftpTarget(
  server: { port: number; username: string; fingerprint: string; privateKey?: string; password?: string },
  options: Partial<SftpOptions> & { path: string },
): Target {
  const { port, username, fingerprint, privateKey, password } = server
  return createSftpTarget({ host: '127.0.0.1', port, username, hostKey: fingerprint, privateKey, password, timeoutMs: 60_000, ...options })
}
