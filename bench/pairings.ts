import type { Archiver } from './archiver.ts'
import type { CorpusName } from './corpora.ts'
import { createOurs } from './ours.ts'
import { createBorg } from './peers/borg.ts'
import { createCp, createRsync } from './peers/copiers.ts'
import { createRclone } from './peers/rclone.ts'
import { createRestic } from './peers/restic.ts'
import { type AgeKey, createTar } from './peers/tar.ts'
import type { ServerKind } from './servers.ts'

export const peerNames = ['tar', 'tar-age', 'restic', 'borg', 'borg-encrypted', 'cp', 'rsync', 'rclone-webdav', 'rclone-sftp', 'rclone-s3'] as const
export type PeerName = (typeof peerNames)[number]

/** A peer, and the configuration of ours that does the same. */
export interface Pairing {
  name: PeerName
  peer: Archiver
  ours: Archiver
  /** where both store, when not in a folder */
  server: ServerKind | null
  corpora: readonly CorpusName[]
}

const trees: readonly CorpusName[] = ['a', 'b', 'c']
const treesForServers: readonly CorpusName[] = ['d']

/** Both sides of these encrypt. */
export const encryptedPeers: readonly PeerName[] = ['tar-age', 'restic', 'borg-encrypted']

/** @param key of ours, and of tar's, where both sides encrypt; must not be `null` for {@link encryptedPeers} */
export function createPairing(name: PeerName, key: AgeKey | null): Pairing {
  if (key === null && encryptedPeers.includes(name)) throw new Error(`${name} is compared with a backup that is encrypted: no key was made`)
  const packed = (peer: Archiver, ours: Archiver): Pairing => ({ name, peer, ours, server: null, corpora: trees })
  const plain = createOurs({ format: 'archive_v1' })
  const encrypted = createOurs({ format: 'archive_v1', key })
  const format = 'raw_tree_v1'
  const copied = (peer: Archiver): Pairing => ({ name, peer, ours: createOurs({ format }), server: null, corpora: trees })
  const sent = (server: ServerKind): Pairing => {
    return { name, peer: createRclone(server), ours: createOurs({ format, remote: true }), server, corpora: treesForServers }
  }
  switch (name) {
    case 'tar':
      return packed(createTar(null), plain)
    case 'tar-age':
      return packed(createTar(key), encrypted)
    case 'restic':
      return packed(createRestic(), encrypted)
    case 'borg':
      return packed(createBorg('none'), plain)
    case 'borg-encrypted':
      return packed(createBorg('repokey-blake2'), encrypted)
    case 'cp':
      return copied(createCp())
    case 'rsync':
      return copied(createRsync())
    case 'rclone-webdav':
      return sent('webdav')
    case 'rclone-sftp':
      return sent('sftp')
    case 'rclone-s3':
      return sent('s3')
  }
}
