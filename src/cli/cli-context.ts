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
