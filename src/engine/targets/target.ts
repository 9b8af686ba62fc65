import type { BytePath } from '../../lib/byte-path.ts'
import type { NameRules } from './name-rules.ts'

/**
 * A place that keeps artifacts. Keys are forward-slash paths without a leading slash; a target never interprets them.
 *
 * A key is well-formed Unicode text of one or more segments, none of them empty, `.` or `..`, without NUL: any other is refused with
 * `invalid_spec` by every method and touches nothing. No key is used as an object and as the directory of others at once: some places could not hold that.
 *
 * Errors are `BastionError`s with a `target_…` code; anything else is a bug of the driver. After an abort every method rejects with `canceled`
 * (or with the signal's own reason where that is a `BastionError`), even while a body stalls; a call of the operating system that is under way
 * is waited for.
 *
 * All methods may run at the same time, for the same key too.
 */
export interface Target {
  /** How people name it, secrets redacted: `/backups`, `webdav+https://host/dir`. */
  readonly label: string
  readonly features: TargetFeatures

  /**
   * Stores an object, replacing the one that was there. Readers see the old object (or none) or the new one, never a part of it — or
   * `features.atomicPut` is absent and the engine relies on the complete marker alone. When it resolves the object is stored; on
   * `features.durablePut` it also survives a power cut. When it rejects, the object that was there is still there, and nothing else is left.
   * `body` chunks are not changed by the caller until the put is settled, and are not kept afterwards. An error of the body is the put's.
   * @throws target_rejected when `sizeBytes` is given and the body has another length
   */
  put(key: string, body: Body, options?: PutOptions): Promise<PutResult>

  /**
   * Reads an object, or `length` bytes from `offset`; a range that ends past the object ends with it, one that starts there is empty.
   * The chunks are the reader's own: it may change or transfer them. Nothing is held open for a reader that never iterates.
   * @throws target_not_found when absent; invalid_spec when a range is not made of whole numbers ≥ 0
   */
  get(key: string, options?: GetOptions): Promise<AsyncIterable<Uint8Array>>

  /** `null` when absent; a directory is no object. */
  stat(key: string): Promise<ObjectStat | null>

  /**
   * What lies below `prefix` (a directory's key without a slash at its end, or `''`), in no order promised. Not recursive: objects and
   * directories one level below. Recursive: objects only. Nothing there: nothing listed. Keys are whole, from the target's root.
   * What appears or goes while it is listed may or may not be in it; all else is, once.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectEntry>

  /** Absent is no error, and neither is a directory, which stays. */
  remove(key: string): Promise<void>

  /** Removes everything below `prefix` and the directory itself. Absent is no error. `''` is refused: nothing empties a whole target. */
  removeTree(prefix: string, options?: RemoveTreeOptions): Promise<RemovedCounts>

  /**
   * Removes a directory in which nothing at all is, nothing that `list` does not show either; any other stays as it is. Absent is no error; where there are no
   * directories but what objects make of their keys there is nothing to do.
   * @returns whether one was removed
   */
  removeDirectory(prefix: string): Promise<boolean>

  /** Makes everything put so far below `prefix` durable (syncfs). Absent: put is durable already, or the place cannot say. */
  flush?(prefix: string): Promise<void>

  /** There exactly where `features.realTree` is. */
  readonly tree?: TargetTree

  /** Ends connections; the target is not used afterwards. */
  close(): Promise<void>
}

/** A stream is read once, unless it is {@link Replayable}. */
export type Body = Uint8Array | AsyncIterable<Uint8Array> | Replayable

/** Gives all its bytes each time it is iterated, so that a put that failed in the middle can be tried again. Iterated again it gives the one before up. */
export interface Replayable extends AsyncIterable<Uint8Array> {
  readonly replayable: true
}

export function isReplayable(body: Body): body is Replayable {
  return 'replayable' in body
}

/** Absent means no. */
export interface TargetFeatures {
  readonly atomicPut?: true
  readonly durablePut?: true
  readonly rangeReads?: true
  /** `put` with an async body needs no more memory than a piece of it. */
  readonly streamingPut?: true
  /** A streamed put that meets a passing failure goes on by itself and keeps no more than pieces for it. Absent: who puts keeps the body, to send it again. */
  readonly holdsPieces?: true
  /** `put` with `ifAbsent` is decided by the place itself, without a race. */
  readonly conditionalPut?: true
  /** A file, a directory and a link can stand there as what they are: `tree` makes them. */
  readonly realTree?: true
  /** Which keys it gives back as they were put; absent: only the safest, see {@link safestNames}. */
  readonly names?: NameRules
  /** Absolute path of the objects where they are on this machine's own disk: left out of every source. May not exist yet. */
  readonly localRoot?: string
}

/**
 * What a place can hold beside objects, so that an artifact can be looked at and copied without any tool. Keys are those of objects, directories on the way are made.
 * What the place cannot hold is answered by `false`, and nothing is there then: the caller has it elsewhere too. Nothing here is durable before `flush`.
 * `list`, `get` and `stat` never follow a link; `removeTree` takes all of it, whatever its modes.
 */
export interface TargetTree {
  /** An empty directory; true also when it is there. */
  makeDirectory(key: string): Promise<boolean>
  /** @param to where it points, as it is */
  symlink(key: string, to: BytePath): Promise<boolean>
  /** One more name of an object; false when the name is taken. */
  link(key: string, existing: string): Promise<boolean>
  /** Of an object, a directory or a link; what the place does not keep of it is passed over. @returns whether it is there */
  setMetadata(key: string, metadata: TreeMetadata): Promise<boolean>
  /**
   * An open handle of the directory `prefix`, which is made, for file calls of this process and its threads: what they make below it are the objects. Only where
   * objects are files on this machine, and where nobody between has to see their bytes.
   */
  openDirectory?(prefix: string): Promise<TreeDirectory>
}

export interface TreeDirectory extends AsyncDisposable {
  readonly fd: number
  /** Makes everything made below it so far durable. @throws also when something of it was lost since it was opened */
  flush(): Promise<void>
}

export interface TreeMetadata {
  /** st_mode */
  mode: number
  /** where the process may give files away */
  uid: number
  gid: number
  mtimeNs: bigint
  /** as far as the place can keep them */
  xattrs?: ReadonlyArray<readonly [name: string, value: Uint8Array]> | undefined
}

export interface PutOptions {
  sizeBytes?: number
  /** Fail with `target_rejected` (details `{exists: true}`) when the key exists. */
  ifAbsent?: boolean
  /**
   * The key is new, and only the caller writes to its directory and knows when what stands there counts. A place that is atomic by storing in two steps may store
   * in one: then a part of the object may be seen meanwhile, and be left when the put fails. With `ifAbsent` it does not count.
   */
  inPlace?: boolean
  /** Where there is a `tree`: what `tree.setMetadata` would give the object when it is stored. */
  metadata?: TreeMetadata
  /** Told by targets that know it: a chunk of the body, or a slice of one, is not needed any more although the put goes on. Its memory may go. */
  onChunkDone?: (chunk: Uint8Array) => void
  signal?: AbortSignal
}
export interface PutResult {
  sizeBytes: number
}
export interface GetOptions {
  range?: { offset: number; length: number }
  signal?: AbortSignal
}
export interface ListOptions {
  recursive?: boolean
  signal?: AbortSignal
}
export interface ObjectStat {
  sizeBytes: number
  /** milliseconds since 1970, where the place knows it */
  modifiedMs?: number
}
export interface ObjectEntry {
  key: string
  kind: 'object' | 'directory'
  sizeBytes?: number
  modifiedMs?: number
}
export interface RemoveTreeOptions {
  /** Names of objects directly in the directory that go when nothing else is left in it, one after the other, in this order. */
  last?: readonly string[]
}
export interface RemovedCounts {
  objects: number
}
