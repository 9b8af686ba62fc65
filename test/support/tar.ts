import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { type TarMember, tarHeaderBound, tarPadding, writeTarHeader } from '../../src/engine/formats/archive-v1/tar-header.ts'

export interface TarSample {
  member: TarMember
  /** the member's `sizeBytes`; of a sparse file its segments one after the other */
  data?: Uint8Array
}

/** A file of mode 0644 that belongs to nobody in particular, with whatever a test cares about laid over it. */
export function aTarMember(over: Partial<TarMember> = {}): TarMember {
  return { path: 'file', kind: 'file', sizeBytes: 0, mode: 0o644, uid: 0, gid: 0, mtimeNs: 1_763_690_000_000_000_000n, ...over }
}

/** The whole archive: headers, data, padding and the two zero blocks. */
export function tarOf(samples: readonly TarSample[]): Buffer {
  const pieces = samples.map(({ member, data = new Uint8Array(0) }) => {
    return Buffer.concat([headerOf(member), data, Buffer.alloc(tarPadding(data.length))])
  })
  return Buffer.concat([...pieces, Buffer.alloc(1024)])
}

export function headerOf(member: TarMember): Buffer {
  const into = Buffer.alloc(tarHeaderBound(member), 0xee)
  return into.subarray(0, writeTarHeader(into, 0, member))
}

/** A path of exactly `length` bytes whose parts a file system takes. */
export function pathOfLength(length: number): string {
  return Array.from({ length }, (_, i) => (i % 50 === 49 && i < length - 1 ? '/' : String.fromCharCode(97 + (i % 26)))).join('')
}

/** `text`, "keyword=value" with a character for each byte, as a record of a pax extended header. */
export function paxRecord(text: string): string {
  for (let length = text.length; ; length += 1) {
    const record = `${length} ${text}\n`
    if (record.length === length) return record
  }
}

/** Runs `tar` in `folder`. @throws Error with what it said when it fails or says anything at all */
export function runTar(folder: string, args: readonly string[], input?: Uint8Array): Buffer {
  const done: SpawnSyncReturns<Buffer> = spawnSync('tar', args, {
    cwd: folder,
    maxBuffer: 2 ** 30,
    env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
    ...(input === undefined ? {} : { input }),
  })
  if (done.status !== 0 || done.stderr.length > 0)
    throw new Error(`tar ${args.join(' ')}: ${done.status ?? done.signal ?? 'not run'}, ${done.stderr.toString()}`)
  return done.stdout
}
