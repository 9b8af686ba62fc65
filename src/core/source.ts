import { z } from 'zod'
import { type FilesystemSource, filesystemSourceSchema } from './filesystem-source.ts'

const absolutePath = z.string().regex(/^\//, 'a source path is absolute')
const { snapshot_mode, snapshot_provider, error_policy, consistency_policy, consistency_fail_threshold, pre_scan, hooks } =
  filesystemSourceSchema.shape

/** The source `sqlite`: one database. */
export const sqliteSourceSchema = z.object({
  type: z.literal('sqlite'),
  path: absolutePath,
  /** whether SQLite reads all of the copy before it is stored; one that is damaged fails the run */
  integrity_check: z.boolean().default(true),
  /** Captured while it is used a database needs no snapshot; read from one it keeps nobody waiting. */
  snapshot_mode: snapshot_mode.unwrap().default('off'),
  snapshot_provider,
  hooks,
})

/** The source `vaultwarden`: the data directory of a Vaultwarden server that keeps its data in SQLite. */
export const vaultwardenSourceSchema = z.object({
  type: z.literal('vaultwarden'),
  data_dir: absolutePath,
  /** icons of websites, which the server fetches again */
  icon_cache: z.boolean().default(false),
  integrity_check: z.boolean().default(true),
  error_policy,
  pre_scan,
  snapshot_mode,
  snapshot_provider,
  consistency_policy,
  consistency_fail_threshold,
  hooks,
})

/** What a run reads. */
export const sourceSchema = z.discriminatedUnion('type', [filesystemSourceSchema, sqliteSourceSchema, vaultwardenSourceSchema])
export type Source = z.infer<typeof sourceSchema>

/** How a source is read. */
export interface SourceReading {
  /** the tree behind it */
  tree: FilesystemSource
  /** absolute paths of databases without which the backup is worth nothing: captured before the tree is read, also from a source snapshot */
  databases: readonly string[]
  /** whether SQLite reads all of their copies */
  checksDatabases: boolean
}

/** What is read of a source: every kind of source is a tree, and maybe databases that matter most. */
export function readingOf(source: Source): SourceReading {
  switch (source.type) {
    case 'filesystem':
      return { tree: source, databases: [], checksDatabases: false }
    case 'sqlite': {
      const { path, integrity_check, snapshot_mode: mode, snapshot_provider: provider } = source
      const tree = filesystemSourceSchema.parse({
        type: 'filesystem',
        paths: [path],
        snapshot_mode: mode,
        snapshot_provider: provider,
        pre_scan: false,
      })
      return { tree, databases: [path], checksDatabases: integrity_check }
    }
    case 'vaultwarden': {
      const { data_dir, icon_cache, integrity_check, type: _type, ...shared } = source
      const tree = filesystemSourceSchema.parse({
        ...shared,
        type: 'filesystem',
        paths: [data_dir],
        // Uploads under way are in `tmp`: what is whole is moved away from there.
        exclude: ['tmp/**', ...(icon_cache ? [] : ['icon_cache/**'])],
      })
      return { tree, databases: [`${data_dir.replace(/\/+$/, '')}/db.sqlite3`], checksDatabases: integrity_check }
    }
  }
}
