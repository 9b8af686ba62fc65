import { z } from 'zod'
import { configSchema, type DriverConfig, type DriverDescription, type OptionDescriptions } from './driver-description.ts'

/** What a kind of target can do, for people to choose by; the engine itself asks the open target's features. */
export const targetCapabilities = {
  atomic_put: 'An object is seen whole or not at all.',
  durable_put: 'What was stored survives a power cut at once.',
  range_reads: 'One file can be read without fetching all of its artifact.',
  streaming_put: 'Storing needs memory for a piece of an object, not for all of it.',
  holds_pieces: 'Storing meets passing failures by itself, with memory for a few pieces; elsewhere a part is kept until it is stored.',
  conditional_put: 'Of two writers of one name exactly one wins.',
  real_tree: 'Directories and links are kept as such: a raw_tree_v1 artifact can be looked at without any tool.',
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
  capabilities: ['atomic_put', 'durable_put', 'range_reads', 'streaming_put', 'holds_pieces', 'conditional_put', 'real_tree', 'on_this_machine'],
})

const webdav = describeTarget({
  kind: 'webdav',
  title: 'WebDAV',
  help: 'A collection on a WebDAV server: Nextcloud, Apache, nginx, a NAS, rclone. It is created when the first backup is stored.',
  options: {
    base_url: {
      title: 'Address',
      help: 'Where the artifacts go. The server must allow PUT, MKCOL, MOVE, DELETE and PROPFIND there.',
      schema: z
        .url({ protocol: /^https?$/, error: 'an address begins with https:// or http://' })
        .regex(/^[^?#]*$/, 'an address has no "?" and no "#"')
        .regex(/^[^:]+:\/\/[^/@]*(?:\/|$)/, 'user and password are options of their own'),
      example: 'https://dav.example.org/backups',
    },
    username: {
      title: 'User name',
      help: 'Of the account, where the server wants one.',
      schema: z
        .string()
        .regex(/^[^:]+$/, 'a user name has no ":"')
        .optional(),
      example: 'backup',
    },
    password: {
      title: 'Password',
      help: 'Of the account. It is sent only as the server asks for it; use https, or everybody on the way may read it.',
      schema: z.string().optional(),
      secret: true,
    },
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

const sha256Fingerprint = 'SHA256:[A-Za-z0-9+/]{43}'

const sftp = describeTarget({
  kind: 'sftp',
  title: 'SFTP server',
  help: 'A folder on a server that can be reached by SSH, such as a NAS or a storage box. It is created when the first backup is stored.',
  options: {
    host: {
      title: 'Server',
      help: 'Name or address of the server.',
      schema: z.string().regex(/^[^\s/?#@[\]\0]+$/, 'a host is a name or an address, without a user or a port'),
      example: 'backup.example.org',
    },
    port: { title: 'Port', help: 'Where its SSH server listens.', schema: z.int().min(1).max(65_535).default(22) },
    username: { title: 'User', help: 'The account on the server.', schema: z.string().min(1), example: 'bastion' },
    path: {
      title: 'Folder',
      help: 'The folder on the server. Without a slash at its beginning it is meant from where the account starts, usually its home folder.',
      schema: z
        .string()
        .min(1)
        .refine((path) => !path.includes('\0') && path.isWellFormed(), 'a path is text without NUL'),
      example: '/srv/backups',
    },
    host_key: {
      title: 'Host key',
      help:
        'Fingerprint of the key by which the server is known, as "ssh-keygen -lf" prints it; several have commas between them. Without one the server is ' +
        'not spoken to: the error tells the fingerprint it shows, to be compared and put here.',
      schema: z
        .string()
        .regex(new RegExp(`^${sha256Fingerprint}(,${sha256Fingerprint})*$`), 'a fingerprint is SHA256: and 43 characters')
        .optional(),
      example: 'SHA256:uNiVztksCsDhcc0u9e8BrrQXVUpKZIDTMczCvj3tD2s',
    },
    private_key: {
      title: 'Private key',
      help: 'Text of a private key file that the account accepts.',
      schema: z.string().min(1).optional(),
      secret: true,
    },
    passphrase: { title: 'Passphrase', help: 'Of the private key, if it has one.', schema: z.string().optional(), secret: true },
    agent_socket: {
      title: 'SSH agent',
      help: 'Path of the socket of an SSH agent that holds the key, on the machine that runs the backup.',
      schema: z.string().min(1).optional(),
      example: '/run/user/1000/ssh-agent.socket',
    },
    password: { title: 'Password', help: 'Of the account, where the server takes one.', schema: z.string().optional(), secret: true },
    timeout_s: {
      title: 'Timeout',
      help: 'Seconds the server may be silent while it owes an answer. What is large gets more.',
      schema: z.int().min(5).max(3600).default(60),
    },
  },
  capabilities: ['atomic_put', 'range_reads', 'streaming_put', 'conditional_put', 'real_tree'],
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
  capabilities: ['atomic_put', 'range_reads', 'streaming_put', 'holds_pieces'],
})

const memory = describeTarget({
  kind: 'memory',
  title: 'Memory',
  help: 'Keeps everything in the memory of one process and forgets it at its end: for tests and for trying things out.',
  options: {},
  capabilities: ['atomic_put', 'range_reads', 'holds_pieces', 'conditional_put'],
})

/** Every kind of target. The engine's registry must implement each, or it does not compile. */
export const targetDescriptions = { local_dir: localDirectory, webdav, s3, sftp, memory } as const

export type TargetKind = keyof typeof targetDescriptions
export type TargetConfigOf<Kind extends TargetKind> = DriverConfig<(typeof targetDescriptions)[Kind]>
export type TargetConfig = { [Kind in TargetKind]: TargetConfigOf<Kind> }[TargetKind]

/** The `target` of a job: `{"type": "local_dir", "path": "/srv/backups"}`. */
export const targetConfigSchema = z.discriminatedUnion('type', [
  configSchema(localDirectory),
  configSchema(webdav),
  configSchema(s3),
  configSchema(sftp),
  configSchema(memory),
])
