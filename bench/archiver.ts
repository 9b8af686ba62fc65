import type { Command } from './measure.ts'
import type { Server } from './servers.ts'
import type { Tool } from './tools.ts'

/** Where one run puts what it makes. */
export interface Place {
  /** What is stored, and nothing else; of a server, what it serves. */
  archive: string
  /** Caches, state, settings: whatever a program keeps besides. Fresh for each run, and gone with it. */
  scratch: string
  /** how the archive is reached, when not as a folder */
  server: Server | null
}

/** A program that stores a tree and gives it back. */
export interface Archiver {
  /** what the table calls it */
  title: string
  tools: readonly Tool[]
  /** What has to be there before a first backup, such as an empty repository. Not timed. */
  prepare?(place: Place): Promise<void>
  store(source: string, place: Place): Command
  /** How the tree is had back. The first one is timed, all are compared. */
  restores: readonly [RestoreWay, ...RestoreWay[]]
}

export interface RestoreWay {
  /** for who reads the report: "by the command of RESTORE.md" */
  how: string
  /** Into the empty `folder`; `null` where the tree lies in the archive as it is. */
  command: ((place: Place, folder: string) => Command) | null
  /** Where the tree `source` is then. */
  root(source: string, place: Place, folder: string): string
  /** Whether permissions, links and empty folders come back, or names and contents only. */
  keeps: 'everything' | 'contents'
}
