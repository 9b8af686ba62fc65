import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** A map from text to JSON values whose memory is bounded: what comes after the first entries lies in a file. */
export interface SpillingMap<Value> extends Disposable {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
  delete(key: string): void
}

const algorithm = 'chacha20-poly1305'
const nonceBytes = 12
const tagBytes = 16

/**
 * The file has no name from the moment it is open, so nothing is left behind however the process ends, and its values are encrypted under a key that exists in
 * this memory only: the names of an encrypted backup never reach the disk in clear.
 */
export function createSpillingMap<Value>(options: { directory: string; maxInMemory: number }): SpillingMap<Value> {
  const inMemory = new Map<string, Value>()
  let file: ReturnType<typeof openFile> | null = null
  return {
    get(key) {
      const found = inMemory.get(key)
      return found ?? (file?.get(key) as Value | undefined)
    },
    set(key, value) {
      if (inMemory.has(key) || inMemory.size < options.maxInMemory) {
        inMemory.set(key, value)
        file?.delete(key)
      } else {
        file ??= openFile(options.directory)
        file.set(key, value)
      }
    },
    delete(key) {
      if (!inMemory.delete(key)) file?.delete(key)
    },
    [Symbol.dispose]() {
      inMemory.clear()
      file?.close()
      file = null
    },
  }
}

function openFile(directory: string) {
  const name = path.join(directory, `map-${randomBytes(8).toString('hex')}.sqlite`)
  const database = new DatabaseSync(name)
  // Nothing of it has to survive anything: no journal on disk, no waiting for the disk.
  database.exec('pragma journal_mode = memory; pragma synchronous = off; pragma locking_mode = exclusive; pragma cache_size = -16000')
  database.exec('create table map (key text primary key, value blob not null) without rowid')
  unlinkSync(name)
  const select = database.prepare('select value from map where key = ?')
  const upsert = database.prepare('insert into map values (?, ?) on conflict (key) do update set value = excluded.value')
  const remove = database.prepare('delete from map where key = ?')
  const secret = randomBytes(32)

  return {
    get(key: string): unknown {
      const row = select.get(key)
      if (row === undefined) return undefined
      const sealed = Buffer.from(row['value'] as Uint8Array)
      const decipher = createDecipheriv(algorithm, secret, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes))
      return JSON.parse(Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()]).toString('latin1'))
    },
    set(key: string, value: unknown): void {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: tagBytes })
      const body = Buffer.concat([cipher.update(Buffer.from(JSON.stringify(value), 'latin1')), cipher.final()])
      upsert.run(key, Buffer.concat([nonce, cipher.getAuthTag(), body]))
    },
    delete: (key: string) => void remove.run(key),
    close: () => database.close(),
  }
}
