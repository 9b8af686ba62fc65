import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Finding } from '../core/finding.ts'
import { mebibyte } from '../core/pipeline-spec.ts'
import { loadUserNames } from '../lib/user-names.ts'

/** What Bastion itself needs of this machine: its Node, its native modules, a directory for its data. Changes nothing. */
export async function diagnoseMachine(dataDir: string): Promise<Finding[]> {
  return [nodeFinding(process.versions.node), await hashFinding(), ...directoryFindings(dataDir)]
}

/** The oldest Node that has all that is used. */
const oldestNode = [24, 11] as const

export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isNew = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])
  const message = `${version} on ${process.platform} ${process.arch}`
  return isNew
    ? { subject: 'node', state: 'ok', message }
    : { subject: 'node', state: 'failure', message, hint: `Install Node ${oldestNode.join('.')} or later.` }
}

/** BLAKE3 of nothing, as its paper has it: a module that was built for another processor may load and compute nonsense. */
const hashOfNothing = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'

async function hashFinding(): Promise<Finding> {
  const subject = 'BLAKE3 module'
  const hint = 'Install the program again, for this kind of system.'
  try {
    const { Blake3Hasher } = await import('@napi-rs/blake-hash')
    const isRight = new Blake3Hasher().digest('hex') === hashOfNothing
    return isRight
      ? { subject, state: 'ok', message: 'computes what it should' }
      : { subject, state: 'failure', message: 'computes a wrong hash', hint }
  } catch (error) {
    return { subject, state: 'failure', message: `cannot be loaded: ${(error as Error).message}`, hint }
  }
}

function directoryFindings(dataDir: string): Finding[] {
  const subject = 'data directory'
  let there = dataDir
  while (!existsSync(there) && there !== dirname(there)) there = dirname(there)
  try {
    accessSync(there, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const message = `${dataDir} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`
    return [
      {
        subject,
        state: 'failure',
        message,
        hint: 'Run this as the user the Hub runs as, or name another one with --data-dir or in BASTION_DATA_DIR.',
      },
    ]
  }
  return [there === dataDir ? rightsFinding(dataDir) : { subject, state: 'ok', message: `${dataDir}, which is not there yet` }, spaceFinding(there)]
}

function rightsFinding(dataDir: string): Finding {
  const subject = 'data directory'
  const { mode, uid } = statSync(dataDir)
  if (process.geteuid !== undefined && uid !== process.geteuid()) {
    const message = `${dataDir} belongs to ${loadUserNames().user(uid) ?? `user ${uid}`}, and this runs as somebody else`
    return { subject, state: 'problem', message, hint: 'Run Bastion as one user only: files of another it cannot mend.' }
  }
  if ((mode & 0o022) === 0) return { subject, state: 'ok', message: dataDir }
  return { subject, state: 'problem', message: `${dataDir} can be written by others`, hint: `Run: chmod 700 ${dataDir}` }
}

const gibibyte = 1024 * mebibyte

function spaceFinding(directory: string): Finding {
  const { bavail, bsize } = statfsSync(directory)
  const free = bavail * bsize
  const finding = { subject: 'free space', message: `${(free / gibibyte).toFixed(1)} GiB where the data directory is` }
  const hint = 'The database, journals and copies of databases need room: free some, or move the data directory.'
  if (free < 64 * mebibyte) return { ...finding, state: 'failure', hint }
  return free < gibibyte ? { ...finding, state: 'problem', hint } : { ...finding, state: 'ok' }
}
