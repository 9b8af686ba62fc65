import { expect } from 'vitest'
import type { SnapshotHost } from '../../src/engine/snapshots/snapshot-provider.ts'
import type { BytePath } from '../../src/lib/byte-path.ts'
import type { Mount } from '../../src/lib/mount-table.ts'

/** One command as it was run on a machine, and what it answered. */
export interface RecordedCommand {
  /** program and arguments; one that holds a blank is not told from two */
  run: string
  stdout?: string
  stderr?: string
  code?: number
  env?: Record<string, string>
  /** what the command does to the machine */
  effect?: () => void
}

export interface RecordedHost extends SnapshotHost {
  readonly mounts: Map<BytePath, Mount>
  /** the next commands that will be run, in this order */
  expects(...commands: RecordedCommand[]): void
  /** @throws when commands were expected and not run */
  done(): void
}

/** A machine that answers from a transcript. A command that is not in it, or not next, fails the test. */
export function recordedHost(options: Partial<Pick<SnapshotHost, 'platform' | 'isAdministrator'>> = {}): RecordedHost {
  const mounts = new Map<BytePath, Mount>()
  const expected: RecordedCommand[] = []
  return {
    platform: 'linux',
    isAdministrator: true,
    ...options,
    mounts,
    findProgram: (name) => `/sbin/${name}`,
    readMounts: () => mounts,
    async run({ file, args, env }) {
      const next = expected.shift()
      expect([file.replace('/sbin/', ''), ...args].join(' ')).toBe(next?.run)
      if (next?.env !== undefined) expect(env).toEqual(next.env)
      next?.effect?.()
      return { code: next?.code ?? 0, timedOut: false, stdout: next?.stdout ?? '', stderr: next?.stderr ?? '' }
    },
    expects: (...commands) => void expected.push(...commands),
    done: () => expect(expected).toEqual([]),
  }
}

export function mountAt(mountPoint: BytePath, fsType: string, source: string, root = '/'): Mount {
  return { mountPoint, root, fsType, source, device: '0:50', options: ['rw'] }
}
