import { fstatSync, statSync, ftruncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { BastionError } from '../core/errors.ts'
import { failureOf } from '../core/run.ts'
import type { WorkNoun } from '../core/work-state.ts'
import { operationCredentialsSchema } from '../protocol/operation-plan.ts'
import { credentialsSchema } from '../protocol/run-plan.ts'
import type { HandedCredentials, RunnerMessage, RunnerTask, WorkOutcome } from '../protocol/runner-messages.ts'
import { carryOut, type CarryOutContext } from './carry-out.ts'
import { carryOutOperation } from './carry-out-operation.ts'
import { canceledText, endEvent } from './end-event.ts'
import { type Journal, openJournal } from './journal.ts'
import { openWorkDirectories, readRunnerTask, taskId, workFiles } from './work-directory.ts'
import { listenAsRunner } from './runner-socket.ts'

export interface RunnerContext {
  clock: Clock
  /** as manifests name who wrote them */
  producer: string
  /** a PATH variable */
  path: string
  /** Ends the work as interrupted: the machine, not a person, wants it to end. */
  signal: AbortSignal
  /** for people who look into `runner.log` */
  note(text: string): void
  credentialsTimeoutMs?: number
}

/** The file descriptor an executor hands the lock of the directory over as. */
export const lockFd = 3
const credentialsWaitMs = 30_000

/**
 * Carries out the run or the operation of a directory: waits for credentials, does it, and keeps all that happens, and how it ended, in the journal. Needs nobody from then on.
 * @throws BastionError invalid_spec when the directory is not one to begin in · Error when the journal cannot be written: then no outcome is there
 */
export async function runRunner(directory: string, context: RunnerContext): Promise<void> {
  const task = await readRunnerTask(directory)
  const noun: WorkNoun = 'plan' in task ? 'run' : 'operation'
  requireLock(directory, noun, taskId(task))
  const stop = new AbortController()
  const interrupt = () => stop.abort(new BastionError('interrupted', 'the runner was told to end'))
  if (context.signal.aborted) interrupt()
  else context.signal.addEventListener('abort', interrupt, { once: true })

  const given = Promise.withResolvers<HandedCredentials>()
  let needsCredentials = true
  const state = (): RunnerMessage => ({
    type: 'runner.state',
    durable_seq: journal.durableSeq,
    ended: journal.ended,
    needs_credentials: needsCredentials,
  })
  using journal: Journal = openJournal({
    file: join(directory, workFiles.journal),
    lastSeq: 0,
    onDurable: () => socket?.tell(state()),
  })
  let socket: Awaited<ReturnType<typeof listenAsRunner>> | null = null
  await using listening = await listenAsRunner(directory, {
    greet: state,
    onOrder(order) {
      if (order.type === 'runner.credentials') given.resolve(order.credentials)
      else stop.abort(new BastionError('canceled', canceledText[noun]))
    },
  })
  socket = listening

  const outcome = await (async (): Promise<WorkOutcome> => {
    try {
      const credentials = await waitForCredentials(given.promise, context.credentialsTimeoutMs ?? credentialsWaitMs, stop.signal)
      needsCredentials = false
      return await carryOutTask(task, credentials, {
        ...context,
        signal: stop.signal,
        runDirectory: directory,
        emit: (event) => journal.append(event),
        onProgress: (progress) => listening.tell({ type: 'runner.progress', progress }),
      })
    } catch (error) {
      if (!(error instanceof BastionError)) context.note(error instanceof Error ? (error.stack ?? error.message) : String(error))
      return failedOutcome(error)
    }
  })()
  const end = endEvent(noun, outcome, context.clock.now())
  if (end !== null) journal.append(end)
  journal.end(outcome)
}

function carryOutTask(task: RunnerTask, credentials: HandedCredentials, context: CarryOutContext): Promise<WorkOutcome> {
  return 'plan' in task
    ? carryOut(task, credentialsSchema.parse(credentials), context)
    : carryOutOperation(task, operationCredentialsSchema.parse(credentials), context)
}

function failedOutcome(error: unknown): WorkOutcome {
  const failure = failureOf(error)
  return failure.code === 'canceled' ? { status: 'canceled' } : { status: 'failed', error: failure }
}

/** The lock is inherited, so that it is held without a gap from before this process began. It says who holds it. */
function requireLock(directory: string, noun: WorkNoun, id: string): void {
  const lock = statSync(join(directory, workFiles.lock), { throwIfNoEntry: false })
  const isInherited = lock !== undefined && inodeOf(lockFd) === lock.ino
  using free = openWorkDirectories(join(directory, '../..'), noun).tryLock(directory)
  if (!isInherited || free !== null)
    throw new BastionError('invalid_spec', `no executor has started this process for ${noun} ${id}`, {
      hint: 'Runners are started by "bastion hub" and "bastion agent".',
    })
  // A journal is written by one runner, once.
  if (statSync(join(directory, workFiles.journal)).size > 0)
    throw new BastionError('invalid_spec', `${noun} ${id} has been carried out before`, { hint: 'Ask for it again.' })
  ftruncateSync(lockFd)
  writeSync(lockFd, `${process.pid}\n`, 0)
}

function inodeOf(fd: number): number | null {
  try {
    return fstatSync(fd).ino
  } catch {
    return null
  }
}

function waitForCredentials(given: Promise<HandedCredentials>, timeoutMs: number, signal: AbortSignal): Promise<HandedCredentials> {
  const waiting = Promise.withResolvers<HandedCredentials>()
  const abort = () => waiting.reject(signal.reason)
  const late = () => waiting.reject(new BastionError('interrupted', `nobody handed over credentials within ${Math.round(timeoutMs / 1000)} s`))
  const timer = setTimeout(late, timeoutMs)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  void given.then(waiting.resolve)
  return waiting.promise.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  })
}
