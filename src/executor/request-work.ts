import type { Clock } from '../core/clock.ts'
import { openWorkingTarget } from '../engine/targets/open-working-target.ts'
import type { Target } from '../engine/targets/target.ts'
import type { NodeReply } from '../protocol/node-replies.ts'
import type { NodeRequest, NodeRequestKind } from '../protocol/node-requests.ts'
import type { NodeMeans } from '../protocol/runner-messages.ts'
import { targetConfig } from './target-config.ts'

export interface AnswerContext {
  clock: Clock
  /** a PATH variable */
  path: string
  signal: AbortSignal
  /** the answer, once */
  answer(ok: unknown): void
  /** bytes that follow the answer; waits while nobody takes them */
  write(bytes: Uint8Array): Promise<void>
  note(text: string): void
}

/** How one kind of request is answered. */
export type Work<Kind extends NodeRequestKind> = (
  request: Extract<NodeRequest, { kind: Kind }>,
  means: NodeMeans,
  context: AnswerContext & { answer(ok: NodeReply<Kind>): void },
) => Promise<void>

/** Those that a file of one noun answers. */
export type RequestWork = { [Kind in NodeRequestKind]?: Work<Kind> }

interface TargetRequest {
  target: Record<string, unknown>
  credentials: Record<string, string>
}

/** Open until it is disposed. */
export function openedTarget({ target, credentials }: TargetRequest, { clock, note }: AnswerContext): Promise<Target & AsyncDisposable> {
  return openWorkingTarget(targetConfig(target, credentials), { clock, note })
}
