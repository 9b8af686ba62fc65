import { z } from 'zod'
import { fileVersionSchema } from '../../core/file-version.ts'
import { gradeSchema } from '../../core/grade.ts'
import { jobIdSchema, runIdSchema } from '../../core/ids.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import { nodeReplies } from '../node-replies.ts'
import { pageOf, entriesPageQuery, versionsPageQuery } from './page.ts'
import { pathQuery } from './path-query.ts'
import { describeRoutes } from './route.ts'

const params = z.object({ id: runIdSchema })
const pattern = z.string().min(1).max(4096)

/** Named again and again: `only=/srv/app&only=*.jpg`. */
const selection = z.union([pattern.transform((one) => [one]), z.array(pattern).max(200)]).default([])

/** What one artifact of a job holds at a path. */
const versionInSchema = z.object({
  run_id: runIdSchema,
  /** as the Hub's clock said when the backup had ended */
  ended_at: timestampSchema,
  /** of the artifact */
  grade: gradeSchema,
  version: fileVersionSchema,
})
export type VersionIn = z.infer<typeof versionInSchema>

/** What is asked of the entries of artifacts beyond a directory and a file of one, which are in run-routes.ts. */
export const entryRoutes = describeRoutes({
  search: {
    method: 'GET',
    path: '/runs/:id/entries/search',
    summary: 'Entries of the artifact by a part of their name, or of their path where it has a slash, or by a glob',
    access: 'viewer',
    params,
    query: z.object({ query: pattern, ...entriesPageQuery }),
    answer: { status: 200, json: pageOf(nodeReplies['entries.search'].shape.entries.element) },
  },
  downloadSelection: {
    method: 'GET',
    path: '/runs/:id/entries/archive',
    summary:
      'Some of the artifact as a tar file, by paths and globs as a restore takes them; everything when none is given. Each file is verified while it is sent',
    access: 'operator',
    params,
    query: z.object({ only: selection }),
    answer: { status: 200, bytes: true },
  },
  diff: {
    method: 'GET',
    path: '/runs/:id/diff',
    summary: 'What differs in the artifact from the one of another run, which is taken for the earlier one',
    access: 'viewer',
    params,
    query: z.object({ before: runIdSchema, ...entriesPageQuery }),
    answer: { status: 200, json: pageOf(nodeReplies['entries.diff'].shape.changes.element) },
  },
  history: {
    method: 'GET',
    path: '/jobs/:id/history',
    summary: 'The versions of one file in the artifacts of a job, the newest first: also where it is absent, and what cannot be read',
    access: 'viewer',
    params: z.object({ id: jobIdSchema }),
    query: z.object({ ...pathQuery, ...versionsPageQuery }),
    answer: { status: 200, json: pageOf(versionInSchema) },
  },
})
