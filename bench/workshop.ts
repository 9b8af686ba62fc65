import { mkdirSync, renameSync, rmSync, statfsSync } from 'node:fs'
import path from 'node:path'
import type { Place } from './archiver.ts'
import { runQuietly } from './measure.ts'
import { openServer, type S3Bucket, type Server, type ServerKind } from './servers.ts'

/** Where runs put what they make, and where that goes afterwards. */
export interface Workshop extends AsyncDisposable {
  /** A new empty folder. */
  folder(): string
  /** Gets rid of a folder without disturbing what is timed next. */
  discard(folder: string): void
  /** A new empty place, with a server of its own when a kind is given. */
  openPlace(server: ServerKind | null): Promise<Place>
  discardPlace(place: Place): Promise<void>
  /** Before each timed run: what the last one left to be written would be written during this one. */
  settle(): Promise<void>
}

const tmpfsMagic = 0x0102_1994

/**
 * On a disk, removing a tree slows down the making of the next one (ext4: 200 µs a file), so there, and on a server, everything is removed at the end; in memory at once, since memory is short.
 */
export function openWorkshop(directory: string, s3: S3Bucket | null = null): Workshop {
  const root = path.join(directory, `bastion-bench-${process.pid}`)
  mkdirSync(root, { recursive: true })
  const inMemory = statfsSync(root).type === tmpfsMagic
  const places = new Map<Place, string>()
  const toClear: Server[] = []
  let count = 0

  function folder(): string {
    const made = path.join(root, `run-${++count}`)
    mkdirSync(made)
    return made
  }

  function discard(unwanted: string): void {
    const away = path.join(root, `old-${path.basename(unwanted)}`)
    renameSync(unwanted, away)
    if (inMemory) rmSync(away, { recursive: true, force: true })
  }

  async function discardPlace(place: Place): Promise<void> {
    if (place.server?.clear !== undefined) toClear.push(place.server)
    await place.server?.[Symbol.asyncDispose]()
    const home = places.get(place)
    if (home === undefined) return
    places.delete(place)
    discard(home)
  }

  return {
    folder,
    discard,
    async openPlace(kind) {
      const home = folder()
      const [archive, scratch] = [path.join(home, 'archive'), path.join(home, 'scratch')]
      mkdirSync(archive)
      mkdirSync(scratch)
      const server = kind === null ? null : await openServer(kind, archive, { scratch, s3 })
      const place = { archive, scratch, server }
      places.set(place, home)
      return place
    },
    discardPlace,
    async settle() {
      if (!inMemory) await runQuietly(['sync', '-f', root])
    },
    async [Symbol.asyncDispose]() {
      for (const place of places.keys()) await discardPlace(place)
      for (const server of toClear) await server.clear?.()
      // What was interrupted may still write for a moment.
      rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
