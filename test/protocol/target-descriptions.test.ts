import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { openTarget } from '../../src/engine/targets/registry.ts'
import { createRetries } from '../../src/engine/targets/retries.ts'
import { configSchema, redactConfig, summarizeOptions } from '../../src/protocol/driver-description.ts'
import {
  targetCapabilities,
  targetConfigSchema,
  targetDescriptions,
  type TargetConfig,
  type TargetKind,
} from '../../src/protocol/target-descriptions.ts'

const clock = { now: () => 0 }

const samples: { [Kind in TargetKind]: TargetConfig & { type: Kind } } = {
  local_dir: { type: 'local_dir', path: '/backups' },
  webdav: { type: 'webdav', base_url: 'https://dav.example.org/backups', username: 'backup', password: 'secret', timeout_s: 60 },
  sftp: { type: 'sftp', host: 'backup.example.org', port: 22, username: 'bastion', path: 'backups', password: 'hunter2', timeout_s: 60 },
  s3: {
    type: 's3',
    bucket: 'backups',
    prefix: 'servers/db1',
    endpoint: 'https://s3.example.org',
    region: 'eu-central-1',
    path_style: true,
    timeout_s: 60,
  },
  memory: { type: 'memory' },
}

describe.each(Object.values(targetDescriptions))('$kind', (description) => {
  test('is described under its own kind, in words', () => {
    expect(targetDescriptions[description.kind]).toBe(description)
    for (const words of [description.title, description.help, ...Object.values(description.options).flatMap(({ title, help }) => [title, help])]) {
      expect(words).toMatch(/\S/)
    }
    for (const name of Object.keys(description.options)) expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
  })

  test('promises exactly what the open target can do', async () => {
    const target = await openTarget(samples[description.kind], { clock, retries: createRetries({ clock, sleep: async () => {}, random: () => 0 }) })
    // Which names it can hold is a matter of degree.
    const { names: _names, ...yesOrNo } = target.features
    const features = Object.keys(yesOrNo).map((name) =>
      name === 'localRoot' ? 'on_this_machine' : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    )
    expect(features.toSorted()).toEqual([...description.capabilities].toSorted())
    for (const capability of description.capabilities) expect(targetCapabilities[capability]).toMatch(/\S/)
  })

  test('has a config that survives JSON and knows no other options', () => {
    const sample = samples[description.kind]
    expect(targetConfigSchema.parse(JSON.parse(JSON.stringify(sample)))).toEqual(sample)
    expect(targetConfigSchema.safeParse({ ...sample, pasword: 'x' }).success).toBe(false)
  })
})

test.each(['backups', '', 'C:\\x', '/nu\0l'])('a folder named %j is refused before anything is opened', (path) => {
  expect(targetConfigSchema.safeParse({ type: 'local_dir', path }).success).toBe(false)
})

test.each(['ftp://host/dir', 'host/dir', 'https://me:secret@host/dir', 'https://host/dir?x', 'https://host/#x', 'https://'])(
  'a WebDAV address %j is refused before anything is opened',
  (baseUrl) => {
    expect(targetConfigSchema.safeParse({ type: 'webdav', base_url: baseUrl }).success).toBe(false)
  },
)

describe('from a description', () => {
  const description = {
    kind: 'sample',
    title: 'Sample',
    help: 'For this test.',
    options: {
      base_url: { title: 'Address', help: 'Where it is.', schema: z.url(), example: 'https://dav.example.org/' },
      password: { title: 'Password', help: 'Kept secret.', schema: z.string().default('hunter2'), secret: true },
      timeout_s: { title: 'Timeout', help: 'Seconds.', schema: z.int().min(1).max(600).default(30) },
      note: { title: 'Note', help: 'Anything.', schema: z.string().optional() },
    },
    capabilities: [],
  } as const

  test('a schema is made that fills in defaults', () => {
    const schema = configSchema(description)
    const config: { type: 'sample'; base_url: string; password: string; timeout_s: number; note?: string | undefined } = schema.parse({
      type: 'sample',
      base_url: 'https://h/',
    })
    expect(config).toEqual({ type: 'sample', base_url: 'https://h/', password: 'hunter2', timeout_s: 30 })
    expect(schema.safeParse({ type: 'other', base_url: 'https://h/' }).success).toBe(false)
    expect(schema.safeParse({ type: 'sample' }).success).toBe(false)
  })

  test('a form and a reference page can be made', () => {
    expect(summarizeOptions(description)).toMatchObject([
      {
        name: 'base_url',
        title: 'Address',
        help: 'Where it is.',
        required: true,
        secret: false,
        example: 'https://dav.example.org/',
        json_schema: { type: 'string' },
      },
      { name: 'password', required: false, secret: true },
      { name: 'timeout_s', required: false, secret: false, default: 30, json_schema: { type: 'integer', minimum: 1, maximum: 600 } },
      { name: 'note', required: false, secret: false },
    ])
    expect(JSON.stringify(summarizeOptions(description))).not.toContain('hunter2')
  })

  test('a config is shown without its secrets and without what nobody described', () => {
    const config = { type: 'sample', base_url: 'https://h/', password: 'x', token: 'y', constructor: 'z' }
    expect(redactConfig(description, config)).toEqual({ type: 'sample', base_url: 'https://h/', password: '***', token: '***', constructor: '***' })
  })
})
