import { type BigIntStats, fstatSync, lstatSync, statSync } from 'node:fs'
import koffi from 'koffi'
import { type BytePath, fsPath } from './byte-path.ts'

/** 32-bit words of a {@link FileStat}. */
export const fileStatWords = 36

const typeMask = 0o170000
const word = { nlink: 4, uid: 5, gid: 6, mode: 7, ino: 8, size: 10, blocks: 12, birthtime: 20, ctime: 24, mtime: 28, rdev: 32, dev: 34 } as const
/** Whatever tells one state of a file from another: everything but the access time and the room it takes. */
const tellingWords = [4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, 24, 25, 26, 28, 29, 30, 34, 35]

/**
 * What the system says of a file, exact to the nanosecond: the first words of `struct statx` (linux/stat.h) and a view of them. It is read for every file several
 * times and goes to other threads, so it has no objects of its own; `fs.Stats` with bigint makes eighteen.
 */
export class FileStat {
  readonly words: Uint32Array
  readonly at: number

  /** @param at the first of its {@link fileStatWords} words */
  constructor(words: Uint32Array, at = 0) {
    this.words = words
    this.at = at
  }

  /** `st_mode`, type bits included */
  get mode(): number {
    return this.#word(word.mode) & 0xffff
  }
  get nlink(): number {
    return this.#word(word.nlink)
  }
  get uid(): number {
    return this.#word(word.uid)
  }
  get gid(): number {
    return this.#word(word.gid)
  }
  /** exact below 2^53 */
  get ino(): number {
    return this.#long(word.ino)
  }
  get size(): number {
    return this.#long(word.size)
  }
  /** bytes it takes on disk */
  get allocatedBytes(): number {
    return this.#long(word.blocks) * 512
  }
  /** as `fs.Stats` has it (`makedev(3)`), exact below 2^53 */
  get dev(): number {
    const [major, minor] = [this.#word(word.dev), this.#word(word.dev + 1)]
    return (major >>> 12) * 2 ** 44 + (minor >>> 8) * 2 ** 20 + (major & 0xfff) * 256 + (minor & 0xff)
  }
  /** of a device file */
  get device(): { major: number; minor: number } {
    return { major: this.#word(word.rdev), minor: this.#word(word.rdev + 1) }
  }
  /** nanoseconds since 1970 */
  get mtimeNs(): bigint {
    return this.#time(word.mtime)
  }
  get ctimeNs(): bigint {
    return this.#time(word.ctime)
  }
  /** with decimals, exact to a microsecond */
  get mtimeMs(): number {
    return this.#timeMs(word.mtime)
  }
  get ctimeMs(): number {
    return this.#timeMs(word.ctime)
  }
  /**
   * Which file it is, whatever its name: device, inode, and where the filesystem tells it the time of birth, for the number of a file that is gone is soon that of
   * another one.
   */
  get fileId(): string {
    return `${this.dev}:${this.inodeNumber}:${this.#time(word.birthtime)}`
  }
  /** exact */
  get inodeNumber(): bigint {
    return (BigInt(this.#word(word.ino + 1)) << 32n) | BigInt(this.#word(word.ino))
  }

  get isFile(): boolean {
    return (this.mode & typeMask) === 0o100000
  }
  get isDirectory(): boolean {
    return (this.mode & typeMask) === 0o040000
  }
  get isSymbolicLink(): boolean {
    return (this.mode & typeMask) === 0o120000
  }
  get isFifo(): boolean {
    return (this.mode & typeMask) === 0o010000
  }
  get isSocket(): boolean {
    return (this.mode & typeMask) === 0o140000
  }
  get isBlockDevice(): boolean {
    return (this.mode & typeMask) === 0o060000
  }
  get isCharacterDevice(): boolean {
    return (this.mode & typeMask) === 0o020000
  }

  /** Whether nothing at all has happened to the file between the two. */
  isSame(other: FileStat): boolean {
    for (const i of tellingWords) if (this.#word(i) !== other.#word(i)) return false
    return true
  }

  isSameFile(other: FileStat): boolean {
    for (const i of [word.ino, word.ino + 1, word.dev, word.dev + 1]) if (this.#word(i) !== other.#word(i)) return false
    return true
  }

  /** A view of words of its own. */
  copy(): FileStat {
    return new FileStat(this.words.slice(this.at, this.at + fileStatWords))
  }

  #word(i: number): number {
    return this.words[this.at + i]!
  }
  #long(i: number): number {
    return this.#word(i + 1) * 2 ** 32 + this.#word(i)
  }
  #seconds(i: number): number {
    return (this.#word(i + 1) | 0) * 2 ** 32 + this.#word(i)
  }
  #time(i: number): bigint {
    return BigInt(this.#seconds(i)) * 1_000_000_000n + BigInt(this.#word(i + 2))
  }
  #timeMs(i: number): number {
    return this.#seconds(i) * 1000 + this.#word(i + 2) / 1e6
  }
}

/** Every call answers with the same view, or one of a few: what is kept is copied. @throws the system's error, as `fs` has it */
export interface FileStater {
  byPath(path: BytePath, followed: boolean): FileStat
  /** `null` where there is nothing */
  byPathIfThere(path: BytePath, followed: boolean): FileStat | null
  byHandle(fd: number): FileStat
}

const atFdCwd = -100
const atSymlinkNofollow = 0x100
const atEmptyPath = 0x1000
/** STATX_BASIC_STATS and STATX_BTIME */
const wanted = 0xfff

/** Asks the C library, which is four times as fast as Node's bigint stats, else Node. */
export function createFileStater(): FileStater {
  const statx = loadStatx()
  const buffer = new Uint32Array(64)
  const result = new FileStat(buffer)
  const byNode = (stats: BigIntStats): FileStat => (encode(stats, buffer), result)
  const ofPath = (path: string | Buffer, followed: boolean) => (followed ? statSync : lstatSync)(path, { bigint: true })

  return {
    byPath(path, followed) {
      const name = fsPath(path)
      // What statx refuses Node is asked again: its errors say what and where.
      return statx?.(atFdCwd, name, followed ? 0 : atSymlinkNofollow, buffer) === 0 ? result : byNode(ofPath(name, followed))
    },
    byPathIfThere(path, followed) {
      const name = fsPath(path)
      if (statx?.(atFdCwd, name, followed ? 0 : atSymlinkNofollow, buffer) === 0) return result
      const stats = (followed ? statSync : lstatSync)(name, { bigint: true, throwIfNoEntry: false })
      return stats === undefined ? null : byNode(stats)
    },
    byHandle(fd) {
      return statx?.(fd, '', atEmptyPath, buffer) === 0 ? result : byNode(fstatSync(fd, { bigint: true }))
    },
  }
}

type Statx = (directory: number, path: string | Buffer, flags: number, into: Uint32Array) => number

function loadStatx(): Statx | null {
  if (process.platform !== 'linux') return null
  try {
    const libc = koffi.load('libc.so.6')
    const byText: (directory: number, path: string, flags: number, mask: number, into: Uint32Array) => number = libc.func(
      'int statx(int dirfd, const char *path, int flags, unsigned int mask, _Out_ void *into)',
    )
    const byBytes: (directory: number, path: Buffer, flags: number, mask: number, into: Uint32Array) => number = libc.func(
      'int statx(int dirfd, const void *path, int flags, unsigned int mask, _Out_ void *into)',
    )
    return (directory, path, flags, into) =>
      typeof path === 'string'
        ? byText(directory, path, flags, wanted, into)
        : byBytes(directory, Buffer.concat([path, Buffer.of(0)]), flags, wanted, into)
  } catch {
    return null // another C library, or one older than statx
  }
}

function encode(stats: BigIntStats, into: Uint32Array): void {
  const putLong = (i: number, value: bigint): void => {
    into[i] = Number(value & 0xffff_ffffn)
    into[i + 1] = Number((value >> 32n) & 0xffff_ffffn)
  }
  const putTime = (i: number, timeNs: bigint): void => {
    const nanos = ((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    putLong(i, (timeNs - nanos) / 1_000_000_000n)
    into[i + 2] = Number(nanos)
  }
  const putDevice = (i: number, device: bigint): void => {
    into[i] = Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n))
    into[i + 1] = Number((device & 0xffn) | ((device >> 12n) & 0xffff_ff00n))
  }
  into[word.nlink] = Number(stats.nlink)
  into[word.uid] = Number(stats.uid)
  into[word.gid] = Number(stats.gid)
  into[word.mode] = Number(stats.mode)
  putLong(word.ino, stats.ino)
  putLong(word.size, stats.size)
  putLong(word.blocks, stats.blocks)
  putTime(word.birthtime, stats.birthtimeNs)
  putTime(word.ctime, stats.ctimeNs)
  putTime(word.mtime, stats.mtimeNs)
  putDevice(word.rdev, stats.rdev)
  putDevice(word.dev, stats.dev)
}
