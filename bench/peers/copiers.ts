import path from 'node:path'
import type { Archiver, RestoreWay } from '../archiver.ts'

export function createCp(): Archiver {
  return {
    title: 'cp -a',
    tools: ['cp'],
    store: (source, { archive }) => ({ stages: [['cp', '-a', '--', source, archive]] }),
    restores: [copyAsItLies],
  }
}

export function createRsync(): Archiver {
  return {
    title: 'rsync -a -W',
    tools: ['rsync'],
    store: (source, { archive }) => ({ stages: [['rsync', '-a', '-W', '--', source, archive]] }),
    restores: [copyAsItLies],
  }
}

/** What they make is the tree. */
const copyAsItLies: RestoreWay = {
  how: 'the copy itself',
  command: null,
  root: (source, { archive }) => path.join(archive, path.basename(source)),
  keeps: 'everything',
}
