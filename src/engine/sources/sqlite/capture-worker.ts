import { captureDatabase } from './capture-database.ts'
import type { WorkerReply, WorkerTask } from './capture-messages.ts'
import { checkDatabase } from './check-database.ts'

// A process of its own: it holds locks on databases, which a process loses on a file with the first of its descriptors that it closes, so nobody else may read files in it;
// and it takes the rights of files' owners, which a process does as a whole. One order after the other.

const progressEveryMs = 500
let queue = Promise.resolve()

// The groups of whoever runs us are nobody else's.
if (process.geteuid?.() === 0) process.setgroups?.([])
process.on('message', (task: WorkerTask) => {
  queue = queue.then(() => answer(task))
})
// Whoever asked is gone.
process.on('disconnect', () => process.exit())

async function answer(task: WorkerTask): Promise<void> {
  const { id } = task
  try {
    if ('check' in task) tell({ id, checked: checkDatabase(task.check) })
    else tell({ id, captured: await captureDatabase(task.capture, progressOf(id)) })
  } catch (error) {
    tell({ id, failed: error instanceof Error ? error.message : String(error) })
  }
}

function progressOf(id: number): (doneBytes: number, totalBytes: number) => void {
  let toldMs = 0
  return (doneBytes, totalBytes) => {
    const now = Date.now()
    if (now - toldMs < progressEveryMs) return
    toldMs = now
    tell({ id, doneBytes, totalBytes })
  }
}

function tell(reply: WorkerReply): void {
  if (process.connected) process.send?.(reply)
}
