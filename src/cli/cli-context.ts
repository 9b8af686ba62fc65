import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** What a command gets from the process it runs in. Tests hand in their own. */
export interface CliContext {
  /** relative paths are meant from here */
  cwd: string
  env: NodeJS.ProcessEnv
  signal: AbortSignal
  /** results; resolves when more can be taken */
  out(text: string | Uint8Array): Promise<void>
  /** messages and progress */
  note(text: string): void
  /** columns of the terminal that shows `note`; null when it is none */
  terminalColumns(): number | null
}

/** The folder of the caller: npm runs scripts in the package's folder and tells the caller's in INIT_CWD. */
export function callerDirectory(env: NodeJS.ProcessEnv): string {
  return env['INIT_CWD'] ?? process.cwd()
}

/** `--data-dir`, else `$XDG_DATA_HOME/bastion`; for root `/var/lib/bastion`. */
export function dataDirectory(context: CliContext, option: string | undefined): string {
  if (option !== undefined) return resolve(context.cwd, option)
  const { BASTION_DATA_DIR: chosen, XDG_DATA_HOME: xdg } = context.env
  if (chosen !== undefined && chosen !== '') return resolve(context.cwd, chosen)
  if (xdg !== undefined && xdg !== '') return join(xdg, 'bastion')
  return process.getuid?.() === 0 ? '/var/lib/bastion' : join(homedir(), '.local', 'share', 'bastion')
}
