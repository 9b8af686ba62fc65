import { z } from 'zod'

/**
 * How far the bytes of an entry, or of a whole artifact, can be trusted to belong to one moment, best first.
 *
 * `atomic_set` units frozen by one command · `atomic_volume` one frozen unit each · `application` the application's own online backup ·
 * `per_file` each file a reflink copy · `stable` read live, nothing changed · `changed` changed while read · `torn` cut or padded to its announced size.
 */
export const grades = ['atomic_set', 'atomic_volume', 'application', 'per_file', 'stable', 'changed', 'torn'] as const
export const gradeSchema = z.enum(grades)
export type Grade = (typeof grades)[number]

/** What can be said of entries read where nothing changes: from a source snapshot, or from a copy made for them. */
export type FrozenGrade = Extract<Grade, 'atomic_set' | 'atomic_volume' | 'application' | 'per_file'>

/** The worse of two grades: the worst entry decides the artifact's. */
export function worseGrade(a: Grade, b: Grade): Grade {
  return grades.indexOf(a) >= grades.indexOf(b) ? a : b
}
