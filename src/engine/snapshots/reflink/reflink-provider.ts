import { closeSync, constants, copyFileSync, fstatSync, fsyncSync, lstatSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import type { SnapshotRecord } from '../../../core/snapshot-lease.ts'
import { type BytePath, fromPathText, fsPath, parentPath, pathText } from '../../../lib/byte-path.ts'
import { mountOf } from '../../../lib/mount-table.ts'
import { snapshotDescriptions } from '../../../protocol/snapshot-descriptions.ts'
import { chooseHolder, holdDirectory, openHolder } from '../holder-directory.ts'
import { isRefusal, type Refusal, type SnapshotHost, type SnapshotProvider, type UnitPlace } from '../snapshot-provider.ts'
import { createReflinkCopier } from './reflink-copy.ts'
import { directoryId, isOurs, removeCopies, tokenName, trialName } from './reflink-remove.ts'

const filesystems: readonly string[] = snapshotDescriptions.reflink.filesystems

/** Copies by reference in a private directory of the same filesystem: each file is of one moment, and each of another. Needs no rights but to write there. */
export function createReflinkProvider(host: SnapshotHost): SnapshotProvider {
  function locate(path: BytePath, workDirectory: BytePath): UnitPlace | Refusal {
    const mounts = host.readMounts()
    const mount = mountOf(mounts, path)
    if (mount === undefined || !filesystems.includes(mount.fsType)) {
      return { reason: `${pathText(path).text} is on ${mount?.fsType ?? 'an unknown filesystem'}, which has no reflinks` }
    }
    const directory = lstatSync(fsPath(path)).isDirectory() ? path : parentPath(path)
    const holder = chooseHolder({
      workDirectory,
      unitRoots: [mount.mountPoint, directory],
      isSameFilesystem: (other) => mountOf(mounts, other)?.device === mount.device,
    })
    if (isRefusal(holder)) return holder
    const unit = {
      provider: 'reflink',
      key: `reflink:${mount.device}`,
      label: `${mount.fsType}:${pathText(mount.source).text}`,
      root: mount.mountPoint,
      filesystem: mount.device,
      holder,
      facts: {},
    } as const
    return { unit, inside: path === mount.mountPoint ? '' : path.slice(mount.mountPoint === '/' ? 0 : mount.mountPoint.length) }
  }

  return {
    kind: 'reflink',
    locate: async (path, workDirectory) => locate(path, workDirectory),
    plan(unit, { runId, number, ownerToken }) {
      const name = `${runId}-${number}`
      return {
        provider: 'reflink',
        unit: unit.label,
        name,
        root: pathText(unit.root),
        path: pathText(`${unit.holder}/${name}`),
        facts: { owner_token: ownerToken, holder_parent: directoryId(parentPath(unit.holder)) ?? '' },
        identity: null,
      }
    },
    create: async (records) => ({ made: records.map(create), isAtomicSet: false }),
    async open(record) {
      const path = pathOf(record)
      const check = (): Refusal | null => {
        try {
          using copies = holdDirectory(path)
          if (isOurs(copies, record)) return null
        } catch {
          // not there
        }
        return { reason: `the copies in ${record.path.text} are not there any more` }
      }
      const refusal = check()
      if (refusal !== null) return refusal
      const copies = holdDirectory(path)
      const copy = createReflinkCopier(`/proc/self/fd/${copies.fd}`)
      return {
        root: path,
        copyFile(live, followed) {
          const name = copy(live, followed)
          return name === null ? null : `${path}/${name}`
        },
        check: async () => check(),
        close: async () => copies[Symbol.dispose](),
      }
    },
    remove: (record) => removeCopies(record),
  }
}

function pathOf({ path }: SnapshotRecord): BytePath {
  return fromPathText(path.text, path.b64)
}

function create(record: SnapshotRecord): Record<string, string> | Refusal {
  const holder = openHolder(parentPath(pathOf(record)))
  if (isRefusal(holder)) return holder
  using _ = holder
  try {
    mkdirSync(holder.at(record.name), { mode: 0o700 })
    using copies = holdDirectory(Buffer.from(holder.at(record.name)))
    const fd = openSync(copies.at(tokenName), 'wx', 0o600)
    writeFileSync(fd, record.facts['owner_token'] ?? '')
    fsyncSync(fd)
    closeSync(fd)
    copyFileSync(copies.at(tokenName), copies.at(trialName), constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    return { inode: String(fstatSync(copies.fd, { bigint: true }).ino) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'EINVAL' || code === 'ENOTTY') {
      return { reason: `the filesystem of ${record.root.text} was made without reflinks` }
    }
    return { reason: `no copies can be made in ${record.path.text}: ${message}` }
  }
}
