import { runStates, runStatuses } from './run-state.ts'

/** What can be done with an artifact. `drill`: restored into a temporary directory, looked at and removed, as proof that it can be. */
export const operationKinds = ['restore', 'verify', 'drill'] as const
export type OperationKind = (typeof operationKinds)[number]

/** As of a run, but that none is rejected. What each may become is in work-state.ts. */
export const operationStates = runStates.filter((state) => state !== 'rejected')
export const operationStatuses = runStatuses.filter((status) => status !== 'rejected')
