import { runQuietly } from './measure.ts'

const versionCommands = {
  tar: ['tar', '--version'],
  zstd: ['zstd', '--version'],
  age: ['age', '--version'],
  split: ['split', '--version'],
  restic: ['restic', 'version'],
  borg: ['borg', '--version'],
  cp: ['cp', '--version'],
  rsync: ['rsync', '--version'],
  rclone: ['rclone', 'version'],
  // sshd 9.2 tells its version to nobody; it comes with the client of the same.
  sshd: ['ssh', '-V'],
} as const

export type Tool = keyof typeof versionCommands

/** What a tool says of itself, first line; `null` when it is not there. */
export async function versionOf(tool: Tool): Promise<string | null> {
  try {
    const said = await runQuietly(versionCommands[tool])
    const [line = ''] = said.trim().split('\n')
    return /^[\d.v]+$/.test(line) ? `${tool} ${line}` : line
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
