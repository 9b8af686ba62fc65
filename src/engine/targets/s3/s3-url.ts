import { BastionError } from '../../../core/errors.ts'
import { configSchema } from '../../../protocol/driver-description.ts'
import { targetDescriptions, type TargetConfigOf } from '../../../protocol/target-descriptions.ts'

/** What may follow the `?`; none of it is secret. */
const parameters: readonly string[] = ['endpoint', 'region', 'path_style']

/**
 * The config of `s3://bucket/prefix?endpoint=https://host&region=…&path_style=true`. Credentials stand before the bucket (`s3://ID:SECRET@bucket`,
 * percent-encoded) or in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, region and endpoint also in `AWS_REGION` and
 * `AWS_ENDPOINT_URL_S3`, as the AWS tools have them.
 * @param shown the URL as messages may show it
 * @throws invalid_spec, which holds no credential
 */
export function parseS3Url(text: string, shown: string, env: NodeJS.ProcessEnv): TargetConfigOf<'s3'> {
  try {
    return configOf(text, env)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new BastionError('invalid_spec', `${shown} is no bucket, which is written s3://bucket/prefix?endpoint=https://host: ${reason}.`)
  }
}

/** @throws Error whose message says what is wrong and repeats nothing of the text */
function configOf(text: string, env: NodeJS.ProcessEnv): TargetConfigOf<'s3'> {
  const [, userPart, bucket, path = '', query = ''] = /^s3:\/\/(?:([^@/?#]*)@)?([^@/?#]*)([^?#]*)(?:\?([^#]*))?$/i.exec(text) ?? []
  if (bucket === undefined) throw new Error('"#" is written %23')
  const given = parameterValues(query)
  const endpoint = given['endpoint'] ?? (env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined)
  const region = given['region'] ?? (env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || undefined)
  const parsed = configSchema(targetDescriptions.s3).safeParse({
    type: 's3',
    bucket,
    prefix: decode(path).replace(/^\/+|\/+$/g, ''),
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(given['path_style'] !== undefined && { path_style: booleanOf(given['path_style']) }),
    ...(userPart === undefined ? credentialsOf(env) : credentialsIn(userPart)),
  })
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new Error(`${issue.path.join('.')}: ${issue.message}`)
}

/** Whether what follows the `?` can be shown: nothing but what is described here, and no user part in the endpoint. */
export function isOpenS3Query(query: string): boolean {
  return query.split('&').every((part) => parameters.includes(part.split('=')[0]!)) && !/@|%40/.test(query)
}

function parameterValues(query: string): Record<string, string> {
  const values: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(query)) {
    if (!parameters.includes(name)) throw new Error(`after "?" it takes ${parameters.join(', ')}`)
    values[name] = value
  }
  return values
}

function booleanOf(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new Error('path_style is true or false')
  return text === 'true'
}

function credentialsIn(userPart: string): { access_key_id: string; secret_access_key: string } {
  const colon = userPart.indexOf(':')
  const id = decode(userPart.slice(0, Math.max(0, colon)))
  const secret = decode(userPart.slice(colon + 1))
  if (id === '' || secret === '') throw new Error('before "@" stand an access key ID, ":" and its secret')
  return { access_key_id: id, secret_access_key: secret }
}

/** Without a complete pair: none, and the SDK looks where it looks, such as into a profile. */
function credentialsOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const { AWS_ACCESS_KEY_ID: id = '', AWS_SECRET_ACCESS_KEY: secret = '', AWS_SESSION_TOKEN: token = '' } = env
  if (id === '' || secret === '') return {}
  return { access_key_id: id, secret_access_key: secret, ...(token !== '' && { session_token: token }) }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('"%" is written %25')
  }
}
