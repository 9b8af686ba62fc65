import { type Entry, type EntryKind, entryKinds } from '../../core/entry.ts'
import { BastionError } from '../../core/errors.ts'
import { grades } from '../../core/grade.ts'
import { type BytePath, fromPathText, pathText } from '../../lib/byte-path.ts'
import { maxPathBytes } from './archive-v1/tar-fields.ts'

/** An entry of the index with its names as bytes. Not to be changed: it may be handed out again. */
export interface IndexedEntry extends Entry {
  bytes: BytePath
  /** of a symlink: where it points; of a hard link: the path of the member it links to, checked as `bytes` is */
  targetBytes?: BytePath
  /** no line of the index: a directory that is only known by what lies below it, such as `srv` where the source is `/srv/app` */
  implicit?: true
}

/** An entry as the index has it. */
export function plainEntry({ bytes: _bytes, targetBytes: _targetBytes, ...entry }: IndexedEntry): Omit<IndexedEntry, 'bytes' | 'targetBytes'> {
  return entry
}

export interface CheckedLine {
  bytes: BytePath
  /** null when this version does not know its kind */
  entry: IndexedEntry | null
  /** fields this version does not know; they are taken away */
  unknownFields: number
}

/** @throws BastionError artifact_damaged */
export function damagedIndex(what: string, cause?: unknown): BastionError {
  return new BastionError('artifact_damaged', `the entries index is damaged: ${what}`, { cause })
}

/**
 * Checks one parsed line as `entrySchema` does, which is what counts (a test holds the two together), in less than half its time. On top come the
 * rules of a path that no schema sees: relative, no empty, `.` or `..` segment, no zero byte, so that joining it to a directory stays below it.
 * @throws BastionError artifact_damaged
 */
export function checkIndexEntry(value: unknown): CheckedLine {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damagedIndex('a line is not an object')
  const line = value as Record<string, unknown>
  const { path, path_b64: b64, kind } = line
  if (!isText(path) || (b64 !== undefined && !isBase64(b64))) throw damagedIndex('a line has no path')
  const bytes = bytesOf(path, b64)
  if (!isSafePath(bytes) || bytes.length > maxPathBytes) throw damagedIndex(`no path can be ${JSON.stringify(path.slice(0, 200))}`)
  if (!isText(kind)) throw damagedIndex(`the line of ${path} has no kind`)
  // What a later version means by its own kinds and fields cannot be checked here.
  if (!knownKinds.has(kind)) return { bytes, entry: null, unknownFields: 0 }

  let unknownFields = 0
  for (const name in line) {
    const isValid = checks.get(name)
    if (isValid === undefined) {
      delete line[name]
      unknownFields += 1
    } else if (!isValid(line[name])) {
      throw damagedIndex(`"${name}" of ${path} is not valid`)
    }
  }
  for (const name of required) {
    if (line[name] === undefined) throw damagedIndex(`the line of ${path} has no "${name}"`)
  }
  const entry = line as unknown as IndexedEntry
  entry.bytes = bytes
  if (entry.target !== undefined) entry.targetBytes = bytesOf(entry.target, entry.target_b64)
  // What is shown and selected by is what the bytes say, not what somebody says of them.
  if (b64 !== undefined) entry.path = pathText(bytes).text
  if (entry.target_b64 !== undefined && entry.targetBytes !== undefined) entry.target = pathText(entry.targetBytes).text
  checkLink(entry)
  if (entry.object !== undefined && !isSafePath(entry.object)) throw damagedIndex(`"object" of ${path} is not valid`)
  return { bytes, entry, unknownFields }
}

/** Whether a path stays below the directory it is joined to. */
export function isSafePath(path: BytePath): boolean {
  return !unsafePath.test(path)
}

const unsafePath = /(?:^|\/)\.{0,2}(?:\/|$)|\0/

function checkLink({ kind, path, targetBytes }: IndexedEntry): void {
  if (kind !== 'symlink' && kind !== 'hardlink') return
  const isValid =
    targetBytes !== undefined &&
    targetBytes.length <= maxPathBytes &&
    (kind === 'hardlink' ? isSafePath(targetBytes) : targetBytes !== '' && !targetBytes.includes('\0'))
  if (!isValid) throw damagedIndex(`the link ${path} has no valid target`)
}

function bytesOf(text: string, b64: string | undefined): BytePath {
  // Half of a surrogate pair has no bytes: two such names would become one.
  if (b64 === undefined && !text.isWellFormed()) throw damagedIndex('a name is not text')
  return fromPathText(text, b64)
}

type Check = (value: unknown) => boolean

const base64 = /^[A-Za-z0-9+/]*={0,2}$/
const hash = /^[0-9a-f]{64}$/
const nanoseconds = /^-?\d{1,28}$/
const knownKinds: ReadonlySet<string> = new Set<EntryKind>(entryKinds)
const knownGrades: ReadonlySet<unknown> = new Set(grades)
const required = ['mode', 'uid', 'gid', 'mtime_ns'] as const satisfies readonly (keyof Entry)[]

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isBase64(value: unknown): value is string {
  return isText(value) && base64.test(value)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isPair(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && isCount(value[0]) && isCount(value[1])
}

function isTrue(value: unknown): boolean {
  return value === true
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText)
}

function isXattrs(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isBase64)
}

/** One check for each field of the schema: the compiler says when one is missing. */
const checks: ReadonlyMap<string, Check> = new Map(
  Object.entries({
    path: isText,
    path_b64: isBase64,
    kind: isText,
    size: isCount,
    hash: (value) => isText(value) && hash.test(value),
    mode: isCount,
    uid: isCount,
    gid: isCount,
    user: isText,
    group: isText,
    mtime_ns: (value) => isText(value) && nanoseconds.test(value),
    target: isText,
    target_b64: isBase64,
    rdev: isPair,
    device: (value) => value === 'block' || value === 'char',
    object: isText,
    at: isPair,
    xattrs: isXattrs,
    sparse: isTrue,
    hardlink_group: isText,
    grade: (value) => knownGrades.has(value),
    flags: isTextList,
    supersedes: isTrue,
  } satisfies Record<keyof Entry, Check>),
)
