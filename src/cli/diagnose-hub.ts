import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { z } from 'zod'
import { BastionError } from '../core/errors.ts'
import type { Finding } from '../core/finding.ts'
import { timestampSchema } from '../core/timestamp.ts'
import type { WorkNoun } from '../core/work-state.ts'
import { createFileLocker } from '../lib/file-lock.ts'
import { openWorkDirectories } from '../executor/work-directory.ts'
import { isDataDirectoryLocked } from '../hub/lock-data-directory.ts'
import { findMasterKey, nextKeyFile } from '../hub/secrets/master-key.ts'
import { type DatabaseLook, lookAtDatabase } from '../hub/store/look-at-database.ts'
import { lastTickName } from '../hub/store/schedule-store.ts'
import { databaseName } from '../hub/store/store.ts'
import type { CliContext } from './cli-context.ts'
import { type ConfigFile, readConfigFile } from './config-file.ts'
import { type FoundSettings, readSettings } from './read-settings.ts'

/** How the Hub of a data directory is: its database, keys and clock, whether it runs and answers, and what runs have left. Changes nothing. */
export async function diagnoseHub(dataDir: string, context: CliContext, nowMs: number): Promise<Finding[]> {
  const file = readConfigFile(context)
  const isRunning = existsSync(dataDir) && isDataDirectoryLocked(dataDir)
  return [
    ...configFindings(file),
    ...(await databaseFindings(dataDir, nowMs)),
    isRunning
      ? await answerFinding(readSettings(context, { file }), context)
      : { subject: 'Hub', state: 'note', message: 'none runs on this data directory' },
    ...(await workFindings(dataDir, isRunning, nowMs)),
  ]
}

function configFindings(file: ConfigFile | null): Finding[] {
  if (file === null) return []
  const isOpen = (statSync(file.path).mode & 0o077) !== 0 && file.values.metrics_token !== undefined
  return [
    isOpen
      ? {
          subject: 'configuration',
          state: 'problem',
          message: `${file.path} has a token and can be read by others`,
          hint: `Run: chmod 600 ${file.path}`,
        }
      : { subject: 'configuration', state: 'ok', message: file.path },
  ]
}

async function databaseFindings(dataDir: string, nowMs: number): Promise<Finding[]> {
  const subject = 'database'
  const path = join(dataDir, databaseName)
  const hint = `Stop the Hub. Put a copy of the data directory back, or make it anew and let it learn: "bastion index rebuild TARGET".`
  try {
    using database = lookAtDatabase(path)
    if (database === null) return [{ subject, state: 'note', message: 'no Hub has kept anything here yet' }]
    const found = database.quickCheck()
    if (found.length > 0) return [{ subject, state: 'failure', message: `${path} is damaged: ${found.slice(0, 3).join('; ')}`, hint }]
    return [versionFinding(database, path), await keyFinding(dataDir, database), ...keptFindings(database), clockFinding(database, nowMs)]
  } catch (error) {
    return [{ subject, state: 'failure', message: `${path} cannot be read: ${(error as Error).message}`, hint }]
  }
}

function versionFinding({ version, newestVersion }: DatabaseLook, path: string): Finding {
  const subject = 'database'
  if (version > newestVersion) {
    const message = `${path} was written by a newer Bastion (version ${version}, this one knows ${newestVersion})`
    return { subject, state: 'failure', message, hint: 'Install that version again.' }
  }
  if (version === newestVersion) return { subject, state: 'ok', message: `${path} is whole, version ${version}` }
  return {
    subject,
    state: 'note',
    message: `${path} is whole; the next start of the Hub brings it from version ${version} to ${newestVersion}, and keeps a copy`,
  }
}

async function keyFinding(dataDir: string, database: DatabaseLook): Promise<Finding> {
  const subject = 'master key'
  const settings = {
    get: async <Schema extends z.ZodType>(name: string, schema: Schema) => schema.nullable().parse(database.setting(name)),
  }
  try {
    const found = await findMasterKey({ dataDirectory: dataDir, store: { settings } })
    if (found === null) return { subject, state: 'note', message: 'there is none yet; the first start of the Hub makes it' }
    if (found.file === nextKeyFile)
      return { subject, state: 'note', message: 'a rotation was cut after it had sealed everything; the next start finishes it' }
    const isLeft = existsSync(join(dataDir, nextKeyFile))
    if (isLeft)
      return {
        subject,
        state: 'problem',
        message: 'opens what is sealed, and a rotation was cut before it began',
        hint: 'Stop the Hub and rotate again: "bastion keypack rotate".',
      }
    return { subject, state: 'ok', message: 'opens what is sealed, and is its owner’s alone' }
  } catch (error) {
    if (!(error instanceof BastionError)) throw error
    return { subject, state: 'failure', message: error.message, hint: error.hint }
  }
}

function keptFindings(database: DatabaseLook): Finding[] {
  const names = database.keysNotKept()
  if (names.length === 0) return []
  const message = `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} kept by this Hub alone, and nothing is encrypted to ${names.length === 1 ? 'it' : 'them'} till then`
  return [
    { subject: 'age keys', state: 'problem', message, hint: 'Keep them elsewhere: "bastion keypack export FILE", or "bastion key sheet NAME".' },
  ]
}

/** Less is the work of a clock that is set by the network. */
const behindMs = 60_000

function clockFinding(database: DatabaseLook, nowMs: number): Finding {
  const subject = 'clock'
  const last = timestampSchema.nullable().parse(database.setting(lastTickName))
  const now = new Date(nowMs).toISOString()
  if (last === null || nowMs >= last - behindMs) return { subject, state: 'ok', message: now }
  const message = `it is ${now}, and this Hub has already seen ${new Date(last).toISOString()}`
  return { subject, state: 'problem', message, hint: 'Set the clock, and see that it is set by the network: schedules and retention go by it.' }
}

const patienceMs = 5000

/** Asked where its configuration says that it listens. */
async function answerFinding(settings: FoundSettings, context: CliContext): Promise<Finding> {
  const subject = 'Hub'
  const url = context.env['BASTION_HUB_URL'] ?? addressOf(settings)
  try {
    const response = await fetch(new URL('/api/ready', url), {
      signal: AbortSignal.any([context.signal, AbortSignal.timeout(patienceMs)]),
      redirect: 'error',
    })
    if (response.ok) return { subject, state: 'ok', message: `runs, and is ready at ${url}` }
    return {
      subject,
      state: 'problem',
      message: `runs, and answers ${response.status} at ${url}`,
      hint: 'Its log says why; a node that has just started needs a moment.',
    }
  } catch (error) {
    context.signal.throwIfAborted()
    const { cause = error } = error as { cause?: unknown }
    const message = `runs, and does not answer at ${url} (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message})`
    return { subject, state: 'problem', message, hint: 'When it was started with other flags, name its address in BASTION_HUB_URL.' }
  }
}

function addressOf({ host, port, tls_cert }: FoundSettings): string {
  const name = ['0.0.0.0', '::', '[::]'].includes(host.value) ? '127.0.0.1' : host.value
  return `${tls_cert.value === null ? 'http' : 'https'}://${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port.value}`
}

/** So long a Hub that runs may take to learn how a run has ended. */
const learningMs = 10 * 60_000

async function workFindings(dataDir: string, isRunning: boolean, nowMs: number): Promise<Finding[]> {
  const findings: Finding[] = []
  // Without flock nothing can have run here; that it is missing is told as such.
  if (createFileLocker() === null) return findings
  for (const noun of ['run', 'operation'] satisfies WorkNoun[]) {
    const directories = openWorkDirectories(dataDir, noun)
    const unended = (await directories.list()).filter(({ acknowledged }) => !acknowledged)
    const alive = unended.filter(({ id }) => directories.isAlive(id))
    const left = unended.filter((work) => !alive.includes(work) && (!isRunning || nowMs - statSync(work.directory).mtimeMs > learningMs))
    const subject = `${noun}s`
    if (alive.length > 0)
      findings.push({ subject, state: isRunning ? 'ok' : 'note', message: `${alive.length} under way${isRunning ? '' : ', without a Hub'}` })
    if (left.length === 0) continue
    const message = `${left.length} ended or were killed, and the Hub does not know how: ${left
      .slice(0, 3)
      .map(({ id }) => id)
      .join(', ')}`
    findings.push({
      subject,
      state: 'problem',
      message,
      hint: isRunning ? 'Restart the Hub; if they are still there, its log says why.' : 'Start the Hub: it learns how they ended.',
    })
  }
  return findings
}
