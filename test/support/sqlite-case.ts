import { createHash } from 'node:crypto'
import { chownSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Format } from '../../src/core/artifact.ts'
import type { FilesystemSource } from '../../src/core/filesystem-source.ts'
import type { Progress } from '../../src/core/run-event.ts'
import type { Source } from '../../src/core/source.ts'
import type { SnapshotServices } from '../../src/engine/snapshots/snapshot-services.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { isRoot, normalUser } from './as-user.ts'
import { type BackupRun, restoreRun, runBackup } from './engine.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { workFolder } from './work-folder.ts'

/** The folder of an application: another user's, where the tests may make one. */
export async function applicationFolder(): Promise<AsyncDisposable & { path: string }> {
  const folder = await workFolder({ owner: normalUser })
  const data = path.join(folder.path, 'data')
  await mkdir(data)
  if (isRoot) chownSync(data, normalUser.uid, normalUser.gid)
  return { path: data, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

/** Everything that a capture must leave as it is: names, owners, modes, sizes, times, inodes and bytes. */
export function everythingOf(folder: string): Record<string, unknown> {
  return Object.fromEntries(
    [folder, ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name))].toSorted().map((file) => {
      const { mode, uid, gid, size, mtimeNs, ctimeNs, ino } = lstatSync(file, { bigint: true })
      const bytes = lstatSync(file).isFile() ? createHash('sha256').update(readFileSync(file)).digest('hex') : null
      return [file, { mode, uid, gid, size, mtimeNs, ctimeNs, ino, bytes }]
    }),
  )
}

/** What stays as it is of files that are written to meanwhile: names, owners, modes and inodes. */
export function namesAndOwnersOf(folder: string): Record<string, unknown> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => {
      const { mode, uid, gid, ino } = lstatSync(path.join(folder, name))
      return [name, { mode, uid, gid, ino }]
    }),
  )
}

/** Backs a folder up, and restores it. */
export async function backUpAndRestore(
  folder: string,
  options: {
    format?: Format
    spec?: Partial<FilesystemSource>
    source?: Source
    snapshots?: SnapshotServices
    dataDirectory?: string
    onProgress?: (progress: Progress) => void
  } = {},
): Promise<AsyncDisposable & { run: BackupRun; restored: string }> {
  const run = await runBackup({
    target: createMemoryTarget(),
    sources: [folder],
    pipeline: { format: options.format ?? 'archive_v1' },
    spec: { error_policy: 'skip_ok', ...options.spec },
    ...(options.source === undefined ? {} : { sourceSpec: options.source }),
    ...(options.snapshots === undefined ? {} : { snapshots: options.snapshots }),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    ...(options.dataDirectory === undefined ? {} : { dataDirectory: options.dataDirectory }),
  })
  const to = await temporaryFolder()
  await restoreRun(run, to.path)
  return { run, restored: path.join(to.path, folder), [Symbol.asyncDispose]: () => to[Symbol.asyncDispose]() }
}

/** What SQLite says of a database that nobody uses. @throws SQLite's error */
export function lookInto(file: string): { rows: number; problems: string[] } {
  const db = new DatabaseSync(file)
  try {
    const rows = Number(db.prepare('SELECT count(*) AS rows FROM rows').get()!['rows'])
    const integrity = db
      .prepare('PRAGMA integrity_check')
      .all()
      .map((row) => String(row['integrity_check']))
    const foreignKeys = db
      .prepare('PRAGMA foreign_key_check')
      .all()
      .map((row) => JSON.stringify(row))
    return { rows, problems: [...integrity.filter((text) => text !== 'ok'), ...foreignKeys] }
  } finally {
    db.close()
  }
}
