import { BastionError } from '../../../core/errors.ts'

/** How far a connection has come. */
export type ConnectionPhase = 'connecting' | 'authenticating' | 'starting' | 'open'

/**
 * What an error of the connection means for the target.
 * @param means what there was to be let in with: `given: publickey, password`
 */
export function connectionError(error: unknown, phase: ConnectionPhase, label: string, means: string): BastionError {
  const { level, code, message } = error as { level?: string; code?: unknown; message: string }
  const options = { cause: error }
  if (phase === 'open') return new BastionError('target_unreachable', `The connection to ${label} broke: ${message}.`, options)
  if (code === 'ETIMEDOUT') return new BastionError('target_timeout', `${label} does not answer: ${message}.`, options)
  if (level === 'client-socket') return new BastionError('target_unreachable', `${label} cannot be reached: ${message}.`, options)
  // A server that has had enough ("Too many authentication failures") says so by ending the connection.
  if (phase === 'authenticating') {
    return new BastionError('target_auth', `${label} refused the login: ${message} (${means}).`, {
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
  if (level === 'handshake') {
    return new BastionError('target_rejected', `${label} and Bastion cannot agree how to talk: ${message}.`, {
      ...options,
      hint: 'The SSH server may be too old to know a method of encryption that is still safe. Update it.',
    })
  }
  return new BastionError('target_unreachable', `No connection to ${label}: ${message}.`, options)
}
