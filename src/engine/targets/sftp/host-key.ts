import { createHash } from 'node:crypto'
import { BastionError } from '../../../core/errors.ts'

/** As `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function fingerprintOf(hostKey: Buffer): string {
  return `SHA256:${createHash('sha256').update(hostKey).digest('base64').replace(/=+$/, '')}`
}

/**
 * Whether the key a server shows is one of those that are pinned. There is no trust on first use: a person compares the fingerprint and pins it.
 * @param pinned fingerprints with commas between them
 * @returns the error to end the connection with, `undefined` when the key is right
 */
export function hostKeyProblem(hostKey: Buffer, pinned: string | undefined, label: string): BastionError | undefined {
  const fingerprint = fingerprintOf(hostKey)
  if (pinned?.split(',').includes(fingerprint)) return undefined
  const seen = `the host key ${fingerprint} (${keyTypeOf(hostKey)})`
  const details = { host_key: fingerprint }
  if (pinned === undefined) {
    return new BastionError('target_identity', `The server of ${label} shows ${seen}, and no host key is pinned.`, {
      details,
      hint: `Compare it with what "ssh-keygen -lf" says of the key on the server. If it is the same, pin it: ?host_key=${fingerprint} at the end of the address, or BASTION_SFTP_HOST_KEY. Nothing was sent.`,
    })
  }
  return new BastionError('target_identity', `The server of ${label} shows ${seen}, which is not the one that is pinned.`, {
    details,
    hint: 'Either the server was set up anew, or another one answers in its place. Ask who runs it before you pin the new key. Nothing was sent.',
  })
}

/** The name a public key begins with (RFC 4253, 6.6): `ssh-ed25519`. */
function keyTypeOf(hostKey: Buffer): string {
  return hostKey.length < 4 ? 'unknown' : hostKey.toString('latin1', 4, 4 + Math.min(hostKey.readUInt32BE(0), 64))
}
