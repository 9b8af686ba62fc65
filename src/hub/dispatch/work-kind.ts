import type { KeptRunEvent, Progress } from '../../core/run-event.ts'
import type { Failure } from '../../core/run.ts'
import type { WorkEnd, WorkNoun, WorkStanding } from '../../core/work-state.ts'
import type { HubMessage } from '../../protocol/node-messages.ts'
import type { Announcements } from '../announced-changes.ts'
import type { LiveEvents } from '../live-events.ts'
import type { Repositories } from '../store/store.ts'
import type { WorkEventStore } from '../store/work-event-store.ts'
import type { WorkRecord, WorkStore } from '../store/work-store.ts'

/** Under way in one transaction. */
export interface WorkChange {
  tx: Repositories
  announce: Announcements
  now: number
}

/** Where runs are kept, or operations, and who is told of them. `Also`: what is kept with a step beside where it leads. */
export interface WorkBooks<Record extends WorkRecord = WorkRecord, Also = unknown> {
  readonly noun: WorkNoun
  store(of: Repositories): WorkStore<Record>
  events(of: Repositories): WorkEventStore
  /** Compare and set. @returns whether it still stood where `record` says */
  keep(change: WorkChange, record: Record, standing: WorkStanding, also?: Also): Promise<boolean>
  announce(to: Announcements, id: string): void
  announceEvents(to: Announcements, id: string, events: readonly KeptRunEvent[]): void
  publishProgress(live: LiveEvents, record: Record, progress: Progress): void
  readonly messages: {
    cancel(id: string): HubMessage
    attach(id: string, afterSeq: number): HubMessage
    ack(id: string, seq: number, ended: boolean): HubMessage
  }
}

/** What dispatch does with runs and operations alike, each in its own way. */
export interface WorkKind<Record extends WorkRecord = WorkRecord, End extends WorkEnd = WorkEnd> extends WorkBooks<Record> {
  /** Offers what waits for the node while that has room; one node at a time. */
  start(nodeId: string): Promise<void>
  /** The offer that was made before. @throws BastionError */
  offerAgain(record: Record): Promise<HubMessage>
  /** Keeps how it ended, with all that follows, in the transaction of the caller. */
  finish(change: WorkChange, record: Record, end: End): Promise<void>
  /** It has failed without an end that its node told: what follows, in the transaction of the caller. */
  failed(change: WorkChange, record: Record, error: Failure): Promise<void>
}
