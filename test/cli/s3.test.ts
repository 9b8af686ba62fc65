import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeOf } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder, jsonOf } from '../support/cli-folder.ts'
import { seededRandom } from '../support/seed.ts'
import { newBucket, radosgw, type S3Server, whyNoRadosgw } from '../support/servers/radosgw.ts'

// Larger than what is sent in one request, and nothing a compressor makes small.
const random = seededRandom()
const large = Buffer.from(Uint8Array.from({ length: 20_000_000 }, () => random() * 256))
const whyNot = await whyNoRadosgw()

describe.skipIf(whyNot !== undefined)('a bucket', () => {
  let folder: CliFolder
  let server: S3Server
  let target = ''
  let env: NodeJS.ProcessEnv = {}

  beforeAll(async () => {
    folder = await cliFolder()
    server = await radosgw()
    target = `s3://${await newBucket(server)}/a/place?endpoint=${server.endpoint}`
    env = { AWS_ACCESS_KEY_ID: server.credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey }
    folder.tree('src').file('docs/a.txt', 'a').file('large', large).finish()
  })
  afterAll(() => folder?.[Symbol.asyncDispose]())

  test('takes a backup, lists, verifies and gives it back', async () => {
    const backup = await folder.ok(['backup', 'src', '--to', target, '--job-id', 'docs', '--snapshot', 'off'], { env })
    expect(backup.stderr).not.toContain(server.credentials.secretAccessKey)
    const listed = jsonOf(await folder.ok(['list', target, '--json'], { env }))
    expect(listed).toMatchObject({ job_id: 'docs', status: 'present' })
    for (const artifact of [`${target}/docs/${String(listed['run_id'])}`, target.replace('?', '/docs@latest?'), `${target}@latest`]) {
      await folder.ok(['verify', artifact, '--level', 'full'], { env })
    }
    await folder.ok(['restore', `${target}/docs@latest`, '--to', 'restored'], { env })
    expect(folder.text('restored', folder.path, 'src', 'docs', 'a.txt')).toBe('a')
    expect(readFileSync(folder.at('restored', folder.path, 'src', 'large')).equals(large)).toBe(true)
  })

  test('without any credentials is told so', async () => {
    const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true', HOME: folder.path }
    expect(errorCodeOf(await folder.run(['list', target, '--json'], { env: none }))).toBe('target_auth')
  })

  test('that does not exist is told so, and no secret', async () => {
    const end = await folder.run(['backup', 'src', '--to', target.replace('s3://', 's3://ID:hunter2@no-such-'), '--snapshot', 'off', '--json'])
    expect(end.code).toBe(1)
    expect(errorCodeOf(end)).toBe('target_auth')
    expect(end.stdout + end.stderr).not.toContain('hunter2')
    const missing = await folder.run(['list', target.replace('s3://', 's3://no-such-'), '--json'], { env })
    expect(errorCodeOf(missing)).toBe('target_identity')
  })
})

if (whyNot !== undefined) test('a bucket', ({ skip }) => skip(whyNot))
