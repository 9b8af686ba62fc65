import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { parseTarget } from '../../src/engine/targets/target-url.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { type JobSpecInput, type JobTarget, jobTargetSchema } from '../../src/protocol/job-spec.ts'
import { recoverySheet, recoverySheetText } from '../../src/protocol/recovery-sheet.ts'
import { shellWord, targetArgument } from '../../src/protocol/target-argument.ts'
import { parseArtifact } from '../../src/cli/artifact-text.ts'
import { aJob } from '../support/hub-records.ts'

const targets: JobSpecInput['target'][] = [
  { type: 'local_dir', path: "/mnt/usb disk/ada's" },
  { type: 'webdav', base_url: 'https://dav.example.org:8443/b%20c', username: 'ada', secret_name: 'dav' },
  { type: 's3', bucket: 'vault', prefix: 'a b/c', endpoint: 'https://s3.example.org:9000', region: 'eu-1', path_style: true },
  { type: 's3', bucket: 'vault' },
  { type: 'sftp', host: 'nas.example.org', port: 2222, username: 'ada', path: '/srv/b c' },
  { type: 'sftp', host: '::1', username: 'ada', path: 'below/home' },
]

test.each(targets.map((target) => [target] as const))('commands read a target as the sheet writes it: %j', (given) => {
  const { secret_name: _, username: asked, ...target } = jobTargetSchema.parse(given) as JobTarget & { username?: string }
  const {
    username,
    agent_socket: __,
    ...parsed
  } = parseTarget(targetArgument(jobTargetSchema.parse(given)), '/') as unknown as Record<string, unknown>
  expect(parsed).toEqual(expect.objectContaining(target))
  if (target.type === 'sftp') expect(username).toBe(asked)
})

test('a word is one word for a shell, whatever is in it', () => {
  for (const word of ['plain/path', 'two words', "ada's", '$(id);`id` "x" \\', '-n', '*?'])
    expect(spawnSync('sh', ['-c', `printf %s. ${shellWord(word)}`], { encoding: 'utf8' }).stdout).toBe(`${word}.`)
})

test('the sheet names the jobs that encrypt to the key, where their backups lie, and commands that can be run as they stand', () => {
  const pair = generateAgeKeyPair()
  const encrypted = (key_name: string) => ({ encryption: { type: 'age_x25519' as const, key_name } })
  const jobs = [
    aJob({ spec: { name: 'letters', pipeline: encrypted('default'), target: targets[0]! } }),
    aJob({ spec: { name: 'photos', pipeline: encrypted('default'), target: targets[2]! } }),
    aJob({ spec: { name: 'others', pipeline: encrypted('other') } }),
    aJob({ spec: { name: 'open' } }),
  ].map(({ id, spec }) => ({ id, ...spec }))
  const sheet = recoverySheet({ name: 'default', ...pair }, jobs, 0)
  expect(sheet.places.map(({ jobName }) => jobName)).toEqual(['letters', 'photos'])
  for (const [at, { command }] of sheet.places.entries()) {
    const { stdout } = spawnSync('sh', ['-c', `set -- ${command}; printf %s "$3"`], { encoding: 'utf8' })
    expect(parseArtifact(stdout)).toMatchObject({ latestOf: expect.stringMatching(new RegExp(`${jobs[at]!.id}$`)) })
  }
  const text = recoverySheetText(sheet)
  for (const word of [pair.identity, pair.recipient, 'cat BACKUP/payload.part* | age -d -i key.txt | zstd -d | tar -xp', jobs[0]!.id])
    expect(text).toContain(word)
  expect(text).not.toContain('others')
})
