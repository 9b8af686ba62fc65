import type { IndexedEntry } from '../engine/formats/entries-index-reader.ts'
import type { BytePath } from '../lib/byte-path.ts'
import { fromPathText } from '../lib/byte-path.ts'

/** A path for a terminal: control characters and bytes that are no UTF-8 as `\xNN`, so that a name cannot write to the screen what it likes. */
export function printable(path: BytePath): string {
  const bytes = Buffer.from(path, 'latin1')
  const text = bytes.toString('utf8')
  const safe = Buffer.from(text, 'utf8').equals(bytes) ? text : path.replace(/[\x80-\xff]/g, escape)
  // oxlint-disable-next-line no-control-regex -- those are what is looked for
  return safe.replace(/[\x00-\x1f\x7f\u0080-\u009f\u202a-\u202e\u2066-\u2069]/g, escape)
}

function escape(character: string): string {
  return [...Buffer.from(character, character > '\xff' ? 'utf8' : 'latin1')].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}

const kindLetters: Record<IndexedEntry['kind'], string> = { file: '-', dir: 'd', symlink: 'l', hardlink: 'h', fifo: 'p', device: 'c', socket: 's' }

/** A line like `ls -l`. */
export function entryText(entry: IndexedEntry): string {
  const mode = [6, 3, 0].map((shift) => 'rwx'.replace(/./g, (letter, i: number) => ((entry.mode >> shift) & (4 >> i) ? letter : '-'))).join('')
  const owner = `${entry.user ?? entry.uid}:${entry.group ?? entry.gid}`
  const time = new Date(Number(BigInt(entry.mtime_ns) / 1_000_000n)).toISOString().slice(0, 19).replace('T', ' ')
  const target = entry.target === undefined ? '' : ` -> ${printable(fromPathText(entry.target, entry.target_b64))}`
  const grade = entry.grade === 'changed' || entry.grade === 'torn' ? `  [${entry.grade}]` : ''
  return `${kindLetters[entry.kind]}${mode} ${owner.padEnd(15)} ${String(entry.size ?? 0).padStart(12)} ${time} /${printable(entry.bytes)}${target}${grade}`
}
