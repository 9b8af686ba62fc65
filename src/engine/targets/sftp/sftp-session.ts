import { connect } from 'node:net'
import ssh2, { type AnyAuthMethod, type SFTPWrapper } from 'ssh2'
import { BastionError } from '../../../core/errors.ts'
import { gatherWrites } from '../../../lib/gather-writes.ts'
import { connectionError, type ConnectionPhase } from './connection-error.ts'
import { hostKeyProblem } from './host-key.ts'
import { describeMethods } from './sftp-login.ts'
import { createSftpRequests, type SendRequest, type SftpRequests } from './sftp-requests.ts'
import { SftpStatusError } from './sftp-status.ts'

export interface SftpSessionOptions {
  host: string
  port: number
  methods: readonly AnyAuthMethod[]
  hostKey: string | undefined
  /** how messages name the target */
  label: string
  /** How long the server may take to let us in, and how long it may be silent while it owes an answer; what is large gets more. */
  timeoutMs: number
  signal: AbortSignal
}

/** One SFTP session on a connection of its own. Once it is not open any more all its requests fail. */
export interface SftpSession extends SftpRequests, AsyncDisposable {
  readonly isOpen: boolean
}

/** So much to move or to flush gives the server its time once more: with 60 s, a second for each MiB. */
const bytesPerTimeout = 60 * 1024 * 1024
const checksPerTimeout = 12
/** Keeps firewalls and address translation from forgetting the connection. Given up only after minutes: behind data on a slow line an answer takes its time. */
const keepalive = { keepaliveInterval: 30_000, keepaliveCountMax: 20 }
const closingMs = 2_000

/** @throws target_unreachable · target_timeout · target_auth · target_identity (host key) · target_rejected */
export async function openSftpSession(options: SftpSessionOptions): Promise<SftpSession> {
  const { host, port, methods, hostKey, label, timeoutMs, signal } = options
  // Nagle's algorithm would hold back the end of every request until the one before is acknowledged.
  const socket = connect({ host, port, noDelay: true })
  gatherWrites(socket)
  const client = new ssh2.Client()
  const opening = Promise.withResolvers<SFTPWrapper>()
  const owed = new Set<{ limitMs: number; reject: (error: BastionError) => void }>()
  const agentProblems: string[] = []
  let phase: ConnectionPhase = 'connecting'
  let failure: BastionError | undefined
  let silentMs = 0

  const checkMs = timeoutMs / checksPerTimeout
  const checks = setInterval(() => {
    // Only time in which this process runs is counted: a machine that slept is not a server that did not answer.
    silentMs = phase !== 'open' || owed.size > 0 ? silentMs + checkMs : 0
    const limitMs = Math.max(timeoutMs, ...[...owed].map((request) => request.limitMs))
    if (silentMs >= limitMs) fail(new BastionError('target_timeout', `${label} did not answer for ${Math.round(silentMs / 1000)} s.`))
  }, checkMs)

  function fail(error: BastionError): void {
    if (failure !== undefined) return
    failure = error
    clearInterval(checks)
    signal.removeEventListener('abort', abandon)
    socket.destroy()
    opening.reject(error)
    for (const { reject } of owed) reject(error)
    owed.clear()
  }

  function failBy(error: unknown): void {
    fail(connectionError(error, phase, label, [describeMethods(methods), ...agentProblems].join('; ')))
  }

  function lost(): void {
    fail(new BastionError('target_unreachable', `The connection to ${label} was closed by the server.`))
  }

  function abandon(): void {
    fail(new BastionError('target_unreachable', `The connection to ${label} is not wanted any more.`))
  }

  client.on('error', (error: Error & { level?: string }) => {
    // ssh2 goes on with the next way to be let in.
    if (error.level === 'agent' && phase === 'authenticating') agentProblems.push(error.message)
    else failBy(error)
  })
  client.on('close', lost)
  client.on('change password', () => fail(new BastionError('target_auth', `The password for ${label} has expired on the server.`)))
  client.on('handshake', () => {
    if (phase === 'connecting') phase = 'authenticating'
  })
  client.on('ready', () => {
    phase = 'starting'
    client.sftp((error, started) => {
      if (error !== undefined) return failBy(error)
      phase = 'open'
      silentMs = 0
      started.on('error', failBy)
      started.on('close', lost)
      started.on('end', lost)
      opening.resolve(started)
    })
  })

  signal.addEventListener('abort', abandon)
  client.connect({
    sock: socket,
    username: methods[0]!.username,
    authHandler: [...methods],
    // Asked again whenever keys are exchanged anew.
    hostVerifier: (key: Buffer) => {
      const problem = hostKeyProblem(key, hostKey, label)
      if (problem !== undefined) fail(problem)
      return problem === undefined
    },
    readyTimeout: 0,
    ...keepalive,
  })
  const sftp = await opening.promise

  const request: SendRequest = (send, sizeBytes = 0) =>
    new Promise((resolve, reject) => {
      // ssh2 would take a request on a closed channel and never answer.
      if (failure !== undefined) return reject(failure)
      const asked = { limitMs: timeoutMs * (1 + sizeBytes / bytesPerTimeout), reject }
      owed.add(asked)
      send(sftp, (error, value) => {
        if (!owed.delete(asked)) return
        silentMs = 0
        // A request with nothing to give resolves with nothing.
        if (error === undefined || error === null) return resolve(value!)
        const { code } = error as { code?: unknown }
        if (error instanceof SftpStatusError) return reject(error)
        if (typeof code === 'number') return reject(new SftpStatusError(code, error.message))
        // ssh2's word for a channel that closed under a request.
        lost()
        reject(failure ?? error)
      })
    })

  return {
    ...createSftpRequests(request),
    get isOpen() {
      return failure === undefined
    },
    async [Symbol.asyncDispose]() {
      if (failure === undefined) client.end()
      const closed = new Promise((resolve) => socket.once('close', resolve))
      const late = setTimeout(() => socket.destroy(), closingMs)
      if (!socket.closed) await closed
      clearTimeout(late)
      abandon()
    },
  }
}
