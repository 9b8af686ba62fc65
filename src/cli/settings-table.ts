import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { hookCommandSchema } from '../core/hooks.ts'
import { settingsSchema } from '../protocol/http/settings-routes.ts'

/** How a value is written where only text can stand. `paths` have ":" between them, `texts` ","; `hooks` are a flag each, and JSON elsewhere. */
export type SettingKind = 'text' | 'path' | 'number' | 'switch' | 'paths' | 'texts' | 'hooks' | 'json'

/** One thing that can be decided of a Hub and its node. Flags, environment, configuration file, `bastion config` and the reference page are made from these. */
export interface SettingDescription {
  readonly help: string
  /** as commander takes it; absent: there is none */
  readonly flag?: string
  readonly env: string
  readonly kind: SettingKind
  /** of the value, as the configuration file has it */
  readonly schema: z.ZodType
  /** the value where nobody has decided; null: none */
  readonly fallback: unknown
  /** how the fallback is told, where its value does not tell it */
  readonly fallbackText?: string
  readonly isSecret?: true
  /** may be changed while the Hub runs, and is kept in its database */
  readonly isStored?: true
}

const path = z.string().min(1)
const paths = z.array(path)
const stored = settingsSchema.parse({})

export const settingsTable = {
  data_dir: {
    help: 'where Bastion keeps its own data',
    flag: '--data-dir <dir>',
    env: 'BASTION_DATA_DIR',
    kind: 'path',
    schema: path,
    fallback: null,
    fallbackText: '`$XDG_DATA_HOME/bastion`, in `~/.local/share` when that is not set; for root `/var/lib/bastion`',
  },
  host: { help: 'where to listen', flag: '--host <address>', env: 'BASTION_HOST', kind: 'text', schema: z.string().min(1), fallback: '127.0.0.1' },
  port: {
    help: '0 takes one that is free',
    flag: '--port <number>',
    env: 'BASTION_PORT',
    kind: 'number',
    schema: z.int('a port is a number up to 65535').min(0, 'a port is a number up to 65535').max(65_535, 'a port is a number up to 65535'),
    fallback: 9876,
  },
  tls_cert: { help: 'certificate and chain, as PEM', flag: '--tls-cert <file>', env: 'BASTION_TLS_CERT', kind: 'path', schema: path, fallback: null },
  tls_key: { help: 'its private key, as PEM', flag: '--tls-key <file>', env: 'BASTION_TLS_KEY', kind: 'path', schema: path, fallback: null },
  insecure_http: {
    help: 'without TLS beyond this machine: everybody on the way reads passwords',
    flag: '--insecure-http',
    env: 'BASTION_INSECURE_HTTP',
    kind: 'switch',
    schema: z.boolean(),
    fallback: false,
  },
  public_url: {
    help: 'where browsers reach it, when a proxy stands before it',
    flag: '--public-url <url>',
    env: 'BASTION_PUBLIC_URL',
    kind: 'text',
    schema: z.string().min(1),
    fallback: null,
  },
  trusted_proxies: {
    help: 'of a proxy whose X-Forwarded-For is believed; repeatable',
    flag: '--trusted-proxy <address>',
    env: 'BASTION_TRUSTED_PROXIES',
    kind: 'texts',
    schema: z.array(z.string()),
    fallback: [],
  },
  browse_roots: {
    help: 'a directory of this machine that people of the Hub may look into; repeatable',
    flag: '--browse-root <dir>',
    env: 'BASTION_BROWSE_ROOTS',
    kind: 'paths',
    schema: paths,
    fallback: ['/'],
  },
  restore_roots: {
    help: 'a directory of this machine that may be restored into; repeatable',
    flag: '--restore-root <dir>',
    env: 'BASTION_RESTORE_ROOTS',
    kind: 'paths',
    schema: paths,
    fallback: null,
    fallbackText: '`restore/` in the data directory',
  },
  snapshot_roots: {
    help: 'a directory of which source snapshots may be made; repeatable',
    flag: '--snapshot-root <dir>',
    env: 'BASTION_SNAPSHOT_ROOTS',
    kind: 'paths',
    schema: paths,
    fallback: [],
  },
  snapshot_providers: {
    help: 'which ways to freeze a source are allowed',
    env: 'BASTION_SNAPSHOT_PROVIDERS',
    kind: 'texts',
    schema: z.array(z.string()),
    fallback: null,
    fallbackText: 'all',
  },
  allowed_hooks: {
    help: 'a command that jobs may run before or after they read, as a JSON array: exactly this one; repeatable',
    flag: '--allow-hook <command>',
    env: 'BASTION_ALLOWED_HOOKS',
    kind: 'hooks',
    schema: z.array(hookCommandSchema),
    fallback: [],
  },
  metrics_token: {
    help: 'with it /metrics can be read from elsewhere; it stands in no command line',
    env: 'BASTION_METRICS_TOKEN',
    kind: 'text',
    schema: z.string().min(1),
    fallback: null,
    isSecret: true,
  },
  runs_per_node: {
    help: 'how many runs a node carries out at a time',
    flag: '--runs-per-node <number>',
    env: 'BASTION_RUNS_PER_NODE',
    kind: 'number',
    schema: settingsSchema.shape.runs_per_node,
    fallback: stored.runs_per_node,
    isStored: true,
  },
  default_retention: {
    help: 'what jobs keep that have no policy of their own, as the API has it',
    env: 'BASTION_DEFAULT_RETENTION',
    kind: 'json',
    schema: settingsSchema.shape.default_retention,
    fallback: stored.default_retention,
    fallbackText: 'everything',
    isStored: true,
  },
  run_history_days: {
    help: 'how long runs are remembered whose artifact is gone',
    flag: '--run-history-days <number>',
    env: 'BASTION_RUN_HISTORY_DAYS',
    kind: 'number',
    schema: settingsSchema.shape.run_history_days,
    fallback: stored.run_history_days,
    isStored: true,
  },
  incomplete_after_days: {
    help: 'how long nothing has happened in what a run has left before it is removed',
    flag: '--incomplete-after-days <number>',
    env: 'BASTION_INCOMPLETE_AFTER_DAYS',
    kind: 'number',
    schema: settingsSchema.shape.incomplete_after_days,
    fallback: stored.incomplete_after_days,
    isStored: true,
  },
} as const satisfies Record<string, SettingDescription>

type Table = typeof settingsTable
export type SettingName = keyof Table
export const settingNames = Object.keys(settingsTable) as SettingName[]

/** What a setting can be: what its schema makes of a value, or null where there is none. */
export type SettingValue<Name extends SettingName> =
  | z.infer<Table[Name]['schema']>
  | (null extends Table[Name]['fallback'] ? (Name extends 'data_dir' ? never : null) : never)

export function describeSetting(name: SettingName): SettingDescription {
  return settingsTable[name]
}

/** For whom nobody has chosen one. */
export function usualDataDirectory({ XDG_DATA_HOME: xdg }: NodeJS.ProcessEnv): string {
  if (xdg !== undefined && xdg !== '') return join(xdg, 'bastion')
  return process.getuid?.() === 0 ? '/var/lib/bastion' : join(homedir(), '.local', 'share', 'bastion')
}
