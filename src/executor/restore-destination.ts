import type { PlannedDestination } from '../protocol/operation-plan.ts'

/** A directory of the node, which must lie below its restore roots, however it is named: a folder as a target is one too. `null`: a server. */
export function directoryOf(destination: PlannedDestination): { path: string | undefined } | null {
  if (destination.type === 'directory') return { path: destination.path }
  return destination.target.type === 'local_dir' ? { path: String(destination.target['path']) } : null
}

/** Of a destination that is no directory. */
export function targetOf(destination: PlannedDestination): { type: string } {
  if (destination.type !== 'target') throw new Error('a directory is no target')
  return destination.target
}
