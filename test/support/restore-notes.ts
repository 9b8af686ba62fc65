import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** The command for everything that the RESTORE.md of an artifact tells, as it stands there. */
export async function stockCommand(artifactFolder: string): Promise<string> {
  const notes = await readFile(path.join(artifactFolder, 'RESTORE.md'), 'utf8')
  const command = /^## Everything$[\s\S]*?^```\n([^`]+?)\n```$/m.exec(notes)?.[1]
  if (command === undefined) throw new Error(`no command in ${notes}`)
  return command
}

/**
 * Does what RESTORE.md says, with BACKUP and key.txt replaced as it asks, and with stock programs only.
 * @returns what they said; nothing when all is well
 * @throws Error when one of them fails
 */
export async function restoreByNotes(artifactFolder: string, into: string, identityFile?: string): Promise<string> {
  let command = (await stockCommand(artifactFolder)).replaceAll('BACKUP', `'${artifactFolder}'`)
  if (identityFile !== undefined) command = command.replaceAll('key.txt', `'${identityFile}'`)
  await mkdir(into, { recursive: true })
  // bash, for `pipefail`: a stage that fails must not hide behind the last one.
  const { stdout, stderr } = await exec('bash', ['-o', 'pipefail', '-c', command], { cwd: into, maxBuffer: 2 ** 26 })
  return stdout + stderr
}
