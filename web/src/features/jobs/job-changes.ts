import type { JobSpec } from '../../../../src/protocol/job-spec.ts'

export interface FieldChange {
  /** such as `source.paths` */
  path: string
  /** undefined where it was not set */
  before: unknown
  after: unknown
}

/** Objects that are one decision. */
const whole: ReadonlySet<string> = new Set(['pipeline.encryption'])

/** Every field of a job that is not as it was, whatever fields there are. */
export function changedFields(before: JobSpec, after: JobSpec): FieldChange[] {
  const [old, now] = [new Map(leavesOf(before, '')), new Map(leavesOf(after, ''))]
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((path) => {
    const change = { path, before: old.get(path), after: now.get(path) }
    return JSON.stringify(change.before) === JSON.stringify(change.after) ? [] : [change]
  })
}

function leavesOf(value: unknown, path: string): [path: string, value: unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || whole.has(path)) return [[path, value]]
  return Object.entries(value).flatMap(([name, below]) => leavesOf(below, path === '' ? name : `${path}.${name}`))
}
