import { readdir, readFile, readlink } from 'node:fs/promises'
import path from 'node:path'
import type { ProcessEnd } from './bastion-process.ts'

/** A file a process keeps for the frames of an index that outgrew memory. */
export interface OpenSpill {
  name: string
  /** It has no name any more. */
  deleted: boolean
  bytes: Buffer
}

/** The spills a process (that is held, or it may close them meanwhile) has open. */
export async function openSpills(pid: number): Promise<OpenSpill[]> {
  const spills: OpenSpill[] = []
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    const name = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')
    if (!/\/\.index-[0-9a-f]+( \(deleted\))?$/.test(name)) continue
    spills.push({ name, deleted: name.endsWith(' (deleted)'), bytes: await readFile(`/proc/${pid}/fd/${fd}`) })
  }
  return spills
}

/** The paths of all files below a folder, which need not be there. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => path.join(entry.parentPath, entry.name))
}

/** The files below a folder that hold `text`, or are named so. */
export async function findText(folder: string, text: string): Promise<string[]> {
  const found: string[] = []
  for (const file of await filesBelow(folder)) if (file.includes(text) || (await readFile(file)).includes(text)) found.push(file)
  return found
}

const pollMs = 2

/** What `look` finds, as soon as it finds it. @throws Error when the process ends first */
export async function waitFor<T>(look: () => Promise<T | undefined>, ended: Promise<ProcessEnd>): Promise<T> {
  let end: ProcessEnd | undefined
  ended.then(
    (value) => (end = value),
    () => {},
  )
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (end !== undefined) throw new Error(`the program ended first: ${String(end.code ?? end.signal)} ${end.stdout}${end.stderr}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
