import type { NodeRunMessage } from '../nodes/node-sessions.ts'
import type { RunRecord } from '../store/run-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import { finishRun } from './finish-run.ts'
import type { MissingMessages } from './missing-messages.ts'
import { moveRun } from './move-run.ts'
import { refuseRun } from './start-runs.ts'

type TakeServices = DispatchServices & { missing: MissingMessages }
type MessageOf<Type extends NodeRunMessage['type']> = Extract<NodeRunMessage, { type: Type }>

/** What a node says of a run. Messages may come twice, and of runs that have ended. @returns whether the node has room for another run now */
export async function takeMessage(services: TakeServices, nodeId: string, message: NodeRunMessage): Promise<boolean> {
  const { store, sessions, missing } = services
  const run = await store.runs.get(message.run_id)
  if (run === null || run.node_id !== nodeId || run.ended_at !== null) {
    // Nothing that is told of it is new: the node may forget it.
    if (message.type === 'run.finished') sessions.send(nodeId, { type: 'run.ack', run_id: message.run_id, seq: message.last_seq, ended: true })
    return false
  }
  switch (message.type) {
    case 'run.accepted':
      await acceptRun(services, run.id)
      return false
    case 'run.refused':
      await refuseRun(services, run.id, message.error)
      return true
    case 'run.events':
      await keepEvents(services, run, message)
      return false
    case 'run.progress':
      await keepProgress(services, run, message)
      return false
    case 'run.finished':
      if (message.last_seq > run.node_seq) {
        missing.ask(run)
        return false
      }
      await finishRun(services, run.id, message.outcome)
      sessions.send(nodeId, { type: 'run.ack', run_id: run.id, seq: run.node_seq, ended: true })
      return true
  }
}

async function acceptRun({ changes, clock }: DispatchServices, runId: string): Promise<void> {
  await changes.transaction(async (tx, announce) => {
    const run = await tx.runs.get(runId)
    if (run !== null) await moveRun({ tx, announce, now: clock.now() }, run, { type: 'accept' })
  })
}

async function keepEvents(services: TakeServices, run: RunRecord, { first_seq, events }: MessageOf<'run.events'>): Promise<void> {
  const { changes, sessions, clock, missing } = services
  const known = run.node_seq + 1 - first_seq
  if (known < 0) return missing.ask(run)
  const fresh = events.slice(known)
  if (fresh.length > 0) {
    await changes.transaction(async (tx, announce) => {
      const current = await tx.runs.get(run.id)
      // Who tells of a run has accepted it.
      if (current?.state === 'dispatched') await moveRun({ tx, announce, now: clock.now() }, current, { type: 'accept' })
      announce.events(run.id, await tx.runEvents.append(run.id, fresh, { firstNodeSeq: run.node_seq + 1 }))
    })
  }
  sessions.send(run.node_id, { type: 'run.ack', run_id: run.id, seq: run.node_seq + fresh.length, ended: false })
}

async function keepProgress({ store, live }: DispatchServices, run: RunRecord, { progress }: MessageOf<'run.progress'>): Promise<void> {
  await store.runs.setProgress(run.id, progress)
  const message = { type: 'run.progress', run_id: run.id, job_id: run.job_id, progress } as const
  live.publish(`run:${run.id}`, message)
  live.publish('runs', message)
}
