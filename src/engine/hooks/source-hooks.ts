import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import type { Hook, Hooks } from '../../core/hooks.ts'
import type { RunEvent, RunEventKind } from '../../core/run-event.ts'
import { runSupervised } from '../../lib/run-supervised.ts'

/** Which commands a node runs: `any` where the person at its keyboard asks. Each is allowed with exactly these arguments. */
export type AllowedHooks = 'any' | readonly (readonly string[])[]

/** The commands around the reading of a source. */
export interface SourceHooks extends AsyncDisposable {
  /** @throws BastionError not_allowed, before anything is run · hook_failed · the signal's reason */
  before(): Promise<void>
  /**
   * Once what `before` has begun, in whatever way that ended, is not needed any more. Later calls do nothing; disposing of it is one that cannot fail.
   * @throws BastionError hook_failed
   */
  after(): Promise<void>
  /** whether one failed that was only to warn */
  readonly deservesLook: boolean
}

export function createSourceHooks(
  hooks: Hooks,
  run: {
    allowed: AllowedHooks
    /** told to the commands as BASTION_JOB_ID and BASTION_RUN_ID */
    jobId: string
    runId: string
    clock: Clock
    signal: AbortSignal
    emit: (kind: RunEventKind, message: string, fields: Record<string, unknown>, level?: RunEvent['level']) => void
  },
): SourceHooks {
  let isBegun = false
  let deservesLook = false

  async function carryOut(when: 'before' | 'after', hook: Hook, signal: AbortSignal): Promise<void> {
    const startedMs = run.clock.now()
    const { code, timedOut, output } = await runSupervised(
      { command: hook.command, timeoutMs: hook.timeout_s * 1000, env: { BASTION_HOOK: when, BASTION_JOB_ID: run.jobId, BASTION_RUN_ID: run.runId } },
      signal,
    )
    signal.throwIfAborted()
    const fields = { when, command: hook.command, code, timed_out: timedOut, duration_ms: run.clock.now() - startedMs, output }
    const name = hook.command[0]!
    if (code === 0) return run.emit('hook', `${name} ran ${when} the source was read`, fields)
    const how = timedOut ? `did not end within ${hook.timeout_s} s` : code === null ? 'did not run to its end' : `ended with ${code}`
    const message = `the hook ${name} (${when}) ${how}`
    run.emit('hook', message, fields, 'warn')
    deservesLook = true
    if (hook.on_failure === 'fail') throw new BastionError('hook_failed', message, { details: { output } })
  }

  async function after(): Promise<void> {
    if (!isBegun) return
    isBegun = false
    // Also of a run that was canceled: its own time is all it has.
    if (hooks.after !== undefined) await carryOut('after', hooks.after, new AbortController().signal)
  }

  return {
    get deservesLook() {
      return deservesLook
    },
    async before() {
      for (const hook of [hooks.before, hooks.after]) if (hook !== undefined) requireAllowed(hook.command, run.allowed)
      run.signal.throwIfAborted()
      isBegun = true
      if (hooks.before !== undefined) await carryOut('before', hooks.before, run.signal)
    },
    after,
    async [Symbol.asyncDispose]() {
      await after().catch((error: unknown) => {
        // It is told; what the run fails at is another thing.
        if (!(error instanceof BastionError)) throw error
      })
    },
  }
}

function requireAllowed(command: readonly string[], allowed: AllowedHooks): void {
  if (allowed === 'any') return
  if (allowed.some((one) => one.length === command.length && one.every((part, i) => part === command[i]))) return
  const text = JSON.stringify(command)
  throw new BastionError('not_allowed', `this node does not allow the hook ${text}`, {
    hint: `Whoever runs the node can allow exactly this command: --allow-hook '${text.replaceAll("'", String.raw`'\''`)}'.`,
  })
}
