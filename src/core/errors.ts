/**
 * Everything that can go wrong, as a closed list. Callers decide by `code`, people read `message` and `hint`.
 * What is not on the list is a bug and stays an ordinary `Error`: it is logged with its stack, never decided on.
 */
export const errorCodes = {
  snapshot_unavailable: {
    retryable: false,
    hint: 'Use --snapshot auto to read the files live, with the consistency checks.',
  },
  source_not_found: { retryable: false, hint: 'Check that the source path exists on this machine and that its disk is mounted.' },
  source_suspicious: { retryable: false, hint: 'Compare the source with the last accepted run before you accept the new normal.' },
  source_consistency: { retryable: true, hint: 'Files changed while they were read. Use a source snapshot, or raise the threshold.' },
  issues: { retryable: false, hint: 'Some files could not be read. Fix their permissions, exclude them, or use the error policy skip_ok.' },
  hook_failed: {
    retryable: true,
    hint: 'What the command said stands in the event of the hook. Run it by hand on that machine, or let its failure be a warning.',
  },
  target_identity: { retryable: false, hint: 'Another disk is mounted at the target, or none. Mount the right one; nothing was written.' },
  target_auth: { retryable: false, hint: 'The target refused the credentials. Check user name, password or key.' },
  target_permission: { retryable: false, hint: 'The target refused the operation. Check the permissions of the folder and the account.' },
  target_full: { retryable: false, hint: 'The target has no space left. Free some, or let retention delete old artifacts.' },
  target_unreachable: { retryable: true, hint: 'The target did not answer. Check the network, the address and that the server runs.' },
  target_timeout: { retryable: true, hint: 'The target answered too slowly. Check its load and the network.' },
  target_rate_limited: { retryable: true, hint: 'The target asked for fewer requests. Set a request limit, or try later.' },
  target_rejected: { retryable: false, hint: 'The target refused what was sent; the message says what it cannot hold.' },
  target_not_found: { retryable: false, hint: 'Nothing is stored under this name. "bastion list TARGET" shows what is there.' },
  artifact_not_found: { retryable: false, hint: '"bastion list TARGET" shows the complete artifacts of a target.' },
  artifact_damaged: { retryable: false, hint: 'Restore an older artifact, or add --damaged to get what is still whole.' },
  snapshot_pinned: { retryable: false, hint: 'Unpin it first, or say that it shall be deleted all the same.' },
  entry_not_found: { retryable: false, hint: '"bastion ls ARTIFACT" shows what the artifact holds.' },
  encryption_key_missing: { retryable: false, hint: 'Give the age identity file with --identity, or in BASTION_IDENTITY.' },
  encryption_key_not_kept: {
    retryable: false,
    hint: 'An administrator prints its recovery sheet or exports it ("bastion key sheet NAME", "bastion keypack export FILE"), and keeps that apart from the Hub.',
  },
  restore_conflict: { retryable: false, hint: 'Choose --conflict overwrite, skip or rename, or restore into an empty directory.' },
  restore_failed: { retryable: false, hint: 'Check free space and permissions of the destination; the list of failed entries says which.' },
  invalid_spec: { retryable: false, hint: 'The message names the field. "bastion help" lists what each one takes.' },
  unsupported: { retryable: false, hint: 'A newer Bastion may know it.' },
  protocol: { retryable: false, hint: 'The two sides run versions that do not understand each other. Update the older one.' },
  node_offline: { retryable: true, hint: 'The node is not connected. Start its agent.' },
  node_busy: { retryable: true, hint: 'The node is at its limit of runs. It will start when one ends.' },
  hub_unreachable: { retryable: true, hint: 'Check that the Hub runs, and its address in BASTION_HUB_URL.' },
  not_signed_in: { retryable: false, hint: 'Sign in, then try again.' },
  sign_in_failed: { retryable: false, hint: 'Check the user name and the password.' },
  not_allowed: { retryable: false, hint: 'Ask an administrator of this Hub.' },
  not_found: { retryable: false, hint: 'It may have been removed. The list shows what is there.' },
  conflict: { retryable: false, hint: 'Look at what is there now, then decide again.' },
  too_many_requests: { retryable: true, hint: 'Wait a moment, then try again.' },
  interrupted: { retryable: true, hint: 'The process ended before the run did. Start it again.' },
  canceled: { retryable: false, hint: 'It was canceled on request.' },
  internal: { retryable: false, hint: 'This is a bug in Bastion. Please report it with the message above.' },
} as const

export type ErrorCode = keyof typeof errorCodes

/** An expected failure: a code to decide by, a sentence to read and a next step. */
export class BastionError extends Error {
  readonly code: ErrorCode
  readonly hint: string
  readonly details: Readonly<Record<string, unknown>>

  /** @param options.hint replaces the code's own hint where the place of failure knows better. */
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BastionError'
    this.code = code
    this.hint = options.hint ?? errorCodes[code].hint
    this.details = options.details ?? {}
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable
  }
}

/** Whether `error` is a {@link BastionError} with one of `codes`. */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is BastionError {
  return error instanceof BastionError && codes.includes(error.code)
}
