import { z } from 'zod'
import { configSchema, type DriverConfig, type DriverDescription, type OptionDescriptions } from './driver-description.ts'

/** What a kind of target can do, for people to choose by; the engine itself asks the open target's features. */
export const targetCapabilities = {
  atomic_put: 'An object is seen whole or not at all.',
  durable_put: 'What was stored survives a power cut at once.',
  range_reads: 'One file can be read without fetching all of its artifact.',
  streaming_put: 'Storing needs memory for a piece of an object, not for all of it.',
  conditional_put: 'Of two writers of one name exactly one wins.',
  on_this_machine: 'It is a folder of the machine that runs the backup, and lost together with it unless it is another disk.',
} as const
export type TargetCapability = keyof typeof targetCapabilities

function describeTarget<const Kind extends string, const Options extends OptionDescriptions>(
  description: DriverDescription<Kind, Options, TargetCapability>,
): DriverDescription<Kind, Options, TargetCapability> {
  return description
}

const localDirectory = describeTarget({
  kind: 'local_dir',
  title: 'Folder on this machine',
  help: 'A folder on a disk, a USB drive or a mounted network share. It is created when the first backup is stored.',
  options: {
    path: {
      title: 'Folder',
      help: 'Absolute path of the folder on the machine that runs the backup.',
      schema: z
        .string()
        .regex(/^\//, 'a target folder is an absolute path')
        .refine((path) => !path.includes('\0'), 'a path holds no NUL'),
      example: '/srv/backups',
    },
  },
  capabilities: ['atomic_put', 'durable_put', 'range_reads', 'streaming_put', 'conditional_put', 'on_this_machine'],
})

const s3 = describeTarget({
  kind: 's3',
  title: 'S3 bucket',
  help: 'A bucket of Amazon S3 or of a store that speaks its protocol, such as Ceph, MinIO, Garage, R2 or B2. The bucket must exist.',
  options: {
    bucket: {
      title: 'Bucket',
      help: 'Name of the bucket. It is not created.',
      schema: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/, 'no name of a bucket'),
      example: 'backups',
    },
    prefix: {
      title: 'Prefix',
      help: 'Where in the bucket the artifacts go, like a folder. Empty: the whole bucket.',
      schema: z
        .string()
        .default('')
        .refine(
          (prefix) => prefix === '' || !prefix.split('/').some((segment) => segment === '' || segment === '.' || segment === '..'),
          'a prefix has no slash at its ends, and no empty part',
        )
        .refine((prefix) => !prefix.includes('\0') && prefix.isWellFormed(), 'a prefix is text without NUL'),
      example: 'servers/db1',
    },
    endpoint: {
      title: 'Endpoint',
      help: 'Address of the store. Absent: Amazon S3.',
      schema: z
        .url({ protocol: /^https?$/ })
        .refine((url) => !/[@?#]/.test(url), 'an endpoint holds neither credentials nor "?" or "#"')
        .optional(),
      example: 'https://s3.example.org',
    },
    region: {
      title: 'Region',
      help: 'Where the bucket is; stores without regions take any.',
      schema: z
        .string()
        .regex(/^[A-Za-z0-9-]+$/, 'no name of a region')
        .default('us-east-1'),
      example: 'eu-central-1',
    },
    path_style: {
      title: 'Path-style addresses',
      help: 'https://host/bucket instead of https://bucket.host. Absent: yes with an endpoint of your own, no at Amazon S3.',
      schema: z.boolean().optional(),
    },
    access_key_id: {
      title: 'Access key ID',
      help: 'Absent, together with the secret: what the AWS tools on the machine use (profile, role).',
      schema: z.string().min(1).optional(),
    },
    secret_access_key: { title: 'Secret access key', help: 'Belongs to the access key ID.', schema: z.string().min(1).optional(), secret: true },
    session_token: { title: 'Session token', help: 'Of temporary credentials only.', schema: z.string().min(1).optional(), secret: true },
    ca_certificate: {
      title: 'CA certificate',
      help: 'The certificate (PEM) of a CA of your own that signed the one of the server. It is trusted besides those this machine trusts.',
      schema: z
        .string()
        .regex(/-----BEGIN CERTIFICATE-----/, 'a certificate is given as PEM')
        .optional(),
    },
    timeout_s: {
      title: 'Timeout',
      help: 'How many seconds the server may be silent. It has longer the more it was sent.',
      schema: z.int().min(1).max(3600).default(60),
    },
  },
  capabilities: ['atomic_put', 'range_reads', 'streaming_put'],
})

const memory = describeTarget({
  kind: 'memory',
  title: 'Memory',
  help: 'Keeps everything in the memory of one process and forgets it at its end: for tests and for trying things out.',
  options: {},
  capabilities: ['atomic_put', 'range_reads', 'conditional_put'],
})

/** Every kind of target. The engine's registry must implement each, or it does not compile. */
export const targetDescriptions = { local_dir: localDirectory, s3, memory } as const

export type TargetKind = keyof typeof targetDescriptions
export type TargetConfigOf<Kind extends TargetKind> = DriverConfig<(typeof targetDescriptions)[Kind]>
export type TargetConfig = { [Kind in TargetKind]: TargetConfigOf<Kind> }[TargetKind]

/** The `target` of a job: `{"type": "local_dir", "path": "/srv/backups"}`. */
export const targetConfigSchema = z.discriminatedUnion('type', [configSchema(localDirectory), configSchema(s3), configSchema(memory)])
