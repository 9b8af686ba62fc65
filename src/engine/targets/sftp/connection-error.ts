import { BastionError } from '../../../core/errors.ts'

/** How far a connection has come. */
export type ConnectionPhase = 'connecting' | 'authenticating' | 'starting' | 'open'

/**
 * What an error of the connection means for the target.
 * @param tried how it was tried to be let in: `tried: publickey, password`
 */
export function connectionError(error: unknown, phase: ConnectionPhase, label: string, tried: string): BastionError {
  const { level, code, message } = error as { level?: string; code?: unknown; message: string }
  const options = { cause: error }
  if (phase === 'open') return new BastionError('target_unreachable', `The connection to ${label} broke: ${message}.`, options)
  if (code === 'ETIMEDOUT') return new BastionError('target_timeout', `${label} does not answer: ${message}.`, options)
  if (level === 'client-socket') return new BastionError('target_unreachable', `${label} cannot be reached: ${message}.`, options)
  // A server that has had enough ("Too many authentication failures") says so by ending the connection.
  if (phase === 'authenticating') {
    return new BastionError('target_auth', `${label} let nobody in: ${message} (${tried}).`, {
      ...options,
      hint: 'Check user name, key and password, and that the server lets this account in by SFTP.',
    })
  }
  if (phase === 'starting') {
    return new BastionError('target_rejected', `${label} starts no SFTP: ${message}.`, {
      ...options,
      hint: 'The account was let in, but its server has no SFTP subsystem, or does not allow it.',
    })
  }
  if (/no matching/i.test(message)) {
    return new BastionError('target_rejected', `${label} and Bastion have no method of encryption in common: ${message}.`, {
      ...options,
      hint: 'The SSH server is too old. Update it.',
    })
  }
  return new BastionError('target_unreachable', `No connection to ${label}: ${message}.`, options)
}
