import { BastionError } from '../../../core/errors.ts'
import type { TargetConfigOf } from '../../../protocol/target-descriptions.ts'
import type { S3Credentials } from './s3-connection.ts'
import type { S3TargetOptions } from './s3-target.ts'

const longestConnectMs = 15_000
const minBytesPerSecond = 32 * 1024

/** What a config says, as the driver takes it. @throws invalid_spec for half a pair of keys */
export function s3Options(config: TargetConfigOf<'s3'>): Omit<S3TargetOptions, 'clock'> {
  const { bucket, prefix, endpoint, region, path_style: pathStyle, ca_certificate: caCertificate, timeout_s } = config
  const answerMs = timeout_s * 1000
  const timeouts = { connectMs: Math.min(longestConnectMs, answerMs), answerMs, minBytesPerSecond }
  return { bucket, prefix, endpoint, region, pathStyle, caCertificate, timeouts, credentials: credentialsOf(config) }
}

function credentialsOf(config: TargetConfigOf<'s3'>): S3Credentials | undefined {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey, session_token: sessionToken } = config
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey, sessionToken }
  if (accessKeyId === undefined && secretAccessKey === undefined && sessionToken === undefined) return undefined
  throw new BastionError('invalid_spec', 'An S3 target takes an access key ID and its secret together, or neither.')
}
