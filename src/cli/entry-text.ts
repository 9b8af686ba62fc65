import type { IndexedEntry } from '../engine/formats/entries-index-reader.ts'
import { type BytePath, fromPathText, toBytePath } from '../lib/byte-path.ts'

/**
 * A path for a terminal: control characters, signs that turn the direction of writing and bytes that are no UTF-8 as `\xNN`, so that a name cannot write
 * to the screen what it likes. A backslash that would read as such is `\x5c`: what is printed names this path and no other (`entryPathArgument`).
 */
export function printable(path: BytePath): string {
  const bytes = Buffer.from(path.replace(/\\(?=x[0-9a-f]{2})/gi, '\\x5c'), 'latin1')
  const text = bytes.toString('utf8')
  return printableText(
    Buffer.from(text, 'utf8').equals(bytes) ? text : bytes.toString('latin1').replace(/[\x80-\xff]/g, (byte) => escape(byte, 'latin1')),
  )
}

/** A message for a terminal, on one line: it may hold a name of the source, of an artifact or of a target. */
export function printableText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- those are what is looked for
  return text.replace(/[\x00-\x1f\x7f\u0080-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => escape(character, 'utf8'))
}

function escape(character: string, encoding: 'latin1' | 'utf8'): string {
  return [...Buffer.from(character, encoding)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}

const kindLetters: Record<IndexedEntry['kind'], string> = { file: '-', dir: 'd', symlink: 'l', hardlink: 'h', fifo: 'p', device: 'c', socket: 's' }

/** A line like `ls -l`. */
export function entryText(entry: IndexedEntry): string {
  const letter = entry.device === 'block' ? 'b' : kindLetters[entry.kind]
  const mode = [6, 3, 0].map((shift) => 'rwx'.replace(/./g, (right, i: number) => ((entry.mode >> shift) & (4 >> i) ? right : '-'))).join('')
  const owner = `${nameOf(entry.user, entry.uid)}:${nameOf(entry.group, entry.gid)}`
  const target = entry.target === undefined ? '' : ` -> ${printable(fromPathText(entry.target, entry.target_b64))}`
  const grade = entry.grade === 'changed' || entry.grade === 'torn' ? `  [${entry.grade}]` : ''
  return `${letter}${mode} ${owner.padEnd(15)} ${String(entry.size ?? 0).padStart(12)} ${timeText(entry.mtime_ns)} /${printable(entry.bytes)}${target}${grade}`
}

function nameOf(name: string | undefined, id: number): string {
  return name === undefined ? String(id) : printable(toBytePath(name))
}

/** The last moment a `Date` knows, in milliseconds; a filesystem can hold later ones. */
const lastDateMs = 8_640_000_000_000_000n

export function timeText(mtimeNs: string): string {
  const ms = BigInt(mtimeNs) / 1_000_000n
  if (ms < -lastDateMs || ms > lastDateMs) return `@${ms / 1000n}`.padEnd(19)
  return new Date(Number(ms)).toISOString().slice(0, 19).replace('T', ' ')
}
