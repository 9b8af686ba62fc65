import { expect, test } from 'vitest'
import { isLeftOver, type KnownRun } from '../../src/core/incomplete-run.ts'

const own = { hubId: 'hub-1', olderThanAt: 1000 }
const directory = { job_id: 'job', hub_id: 'hub-1', last_sign_at: 1000 }
const failed: KnownRun = { job_id: 'job', hasEnded: true, hasArtifact: false }

test.each<[what: string, directory: Partial<typeof directory> | { hub_id: null }, run: KnownRun | null, isLeft: boolean]>([
  ['of a run that ended without an artifact', {}, failed, true],
  ['of a run the Hub has forgotten', {}, null, true],
  ['in which something happened lately', { last_sign_at: 1001 }, failed, false],
  ['in which something happened lately, of a run nobody knows', { last_sign_at: 1001 }, null, false],
  ['of a run that has not ended', {}, { ...failed, hasEnded: false }, false],
  ['of an artifact that has lost its marker, or is being deleted', {}, { ...failed, hasArtifact: true }, false],
  ['of another Hub', { hub_id: 'hub-2' }, null, false],
  ['of another Hub, with the id of a run that is known', { hub_id: 'hub-2' }, failed, false],
  ['of a known run, below another job', { job_id: 'other' }, failed, false],
  ['with nothing in it, of a run that is known', { hub_id: null }, failed, true],
  ['with nothing in it, of a run nobody knows', { hub_id: null }, null, false],
  ['with nothing in it, of a run that has not ended', { hub_id: null }, { ...failed, hasEnded: false }, false],
])('a directory %s', (_, change, run, isLeft) => {
  expect(isLeftOver({ ...directory, ...change }, run, own)).toBe(isLeft)
})
