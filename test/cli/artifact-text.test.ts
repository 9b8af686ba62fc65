import { expect, test } from 'vitest'
import { parseArtifact } from '../../src/cli/artifact-text.ts'

const runId = '01890a5d-ac96-774b-bcce-b302099a8057'
const ref = { jobId: 'job', runId }
const endpoint = '?endpoint=http://h:9000'
const hostKey = '?host_key=SHA256:uNiVztksCsDhcc0u9e8BrrQXVUpKZ+DTMczCvj3/D/s'

test.each([
  [`/backups/job/${runId}`, { targetText: '/backups', ref }],
  [`backups/job/${runId}/`, { targetText: 'backups', ref }],
  [`job/${runId}`, { targetText: '.', ref }],
  [`/job/${runId}`, { targetText: '/', ref }],
  [`s3://bucket/job/${runId}`, { targetText: 's3://bucket', ref }],
  [`s3://bucket/prefix/job/${runId}${endpoint}`, { targetText: `s3://bucket/prefix${endpoint}`, ref }],
  [`s3://bucket/prefix${endpoint}/job/${runId}`, { targetText: `s3://bucket/prefix${endpoint}`, ref }],
  [`s3://bucket?endpoint=https://h/s3/job/${runId}`, { targetText: 's3://bucket?endpoint=https://h/s3', ref }],
  [`sftp://host/dir/job/${runId}${hostKey}`, { targetText: `sftp://host/dir${hostKey}`, ref }],
  [`sftp://host/dir${hostKey}/job/${runId}`, { targetText: `sftp://host/dir${hostKey}`, ref }],
  [`sftp://host/~?timeout_s=9&host_key=SHA256%3Aa%2Fb/job/${runId}`, { targetText: 'sftp://host/~?timeout_s=9&host_key=SHA256%3Aa%2Fb', ref }],
  [`sftp://host/${hostKey}/job/${runId}`, { targetText: `sftp://host/${hostKey}`, ref }],
  [`sftp://host/job/${runId}`, { targetText: 'sftp://host/', ref }],
  ['/backups/job@latest', { latestOf: '/backups/job', query: '' }],
  ['/@latest', { latestOf: '/', query: '' }],
  ['s3://bucket@latest', { latestOf: 's3://bucket', query: '' }],
  [`s3://bucket/prefix/job@latest${endpoint}`, { latestOf: 's3://bucket/prefix/job', query: endpoint }],
  [`s3://bucket/prefix${endpoint}/job@latest`, { latestOf: 's3://bucket/prefix/job', query: endpoint }],
  [`sftp://host/dir/job@latest${hostKey}`, { latestOf: 'sftp://host/dir/job', query: hostKey }],
  [`sftp://host/dir${hostKey}/job@latest`, { latestOf: 'sftp://host/dir/job', query: hostKey }],
  [`sftp://host/dir${hostKey}@latest`, { latestOf: 'sftp://host/dir', query: hostKey }],
  ['sftp://host/@latest', { latestOf: 'sftp://host/', query: '' }],
  [`s3://bucket/prefix${endpoint}@latest`, { latestOf: 's3://bucket/prefix', query: endpoint }],
])('%s names an artifact', (text, named) => {
  expect(parseArtifact(text)).toEqual(named)
})

test.each(['/backups', '/backups/job', `/backups/${runId}/job`, `/backups/Job/${runId}`, `s3://ID:hunter2@bucket/job`])('%s names none', (text) => {
  expect(() => parseArtifact(text)).toThrow(
    expect.objectContaining({ code: 'invalid_spec', message: expect.not.stringContaining('hunter2') as string }),
  )
})
