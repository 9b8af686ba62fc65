import { expect, test } from 'vitest'
import { artifactTime } from '../../../src/core/retention-decision.ts'

test.each([
  ['what the node says, between offer and receipt', { completed_at: 500, offered_at: 100, received_at: 900 }, 500],
  ['a clock that is behind cannot make it older than its offer', { completed_at: 5, offered_at: 100, received_at: 900 }, 100],
  ['a clock that is ahead cannot make it newer than its receipt', { completed_at: 5000, offered_at: 100, received_at: 900 }, 900],
  ['a node that was offline for long tells of it later: it is as old as it is', { completed_at: 150, offered_at: 100, received_at: 1e9 }, 150],
  ['a run that was never offered is as old as its receipt', { completed_at: 500, offered_at: null, received_at: 900 }, 900],
  ['the Hub itself has gone back in time', { completed_at: 500, offered_at: 1000, received_at: 900 }, 900],
])('%s', (_title, times, at) => {
  expect(artifactTime(times)).toBe(at)
})
