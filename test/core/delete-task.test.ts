import { expect, test } from 'vitest'
import { deleteFailureKind } from '../../src/core/delete-failure.ts'
import { type DeleteTask, type DeleteTaskEvent, nextDeleteTask } from '../../src/core/delete-task.ts'
import { type DeleteTaskStatus, deleteTaskStatuses } from '../../src/core/delete-task-status.ts'
import { type ErrorCode, errorCodes } from '../../src/core/errors.ts'
import { codedFailure } from '../../src/core/work-state.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const now = 100 * day

const unreachable = codedFailure('target_unreachable', 'no answer')
const refusedLogin = codedFailure('target_auth', 'wrong password')
const anotherDisk = codedFailure('target_identity', 'another disk is there')
const notOurs = codedFailure('conflict', 'the directory is of somebody else')
const bug = codedFailure('internal', 'a bug')
const offline = codedFailure('node_offline', 'the node is not there')
const tooMany = codedFailure('conflict', '30 artifacts are not there')

const fail = (error: typeof bug, touched = false): DeleteTaskEvent => ({ type: 'fail', error, touched })

const events = {
  claim: { type: 'claim', leaseUntil: now + minute },
  lose: { type: 'lose' },
  wait: { type: 'wait', error: offline },
  removed: { type: 'removed' },
  not_there: { type: 'not_there' },
  hold: { type: 'hold', error: tooMany },
  'fail network': fail(unreachable),
  'fail auth': fail(refusedLogin),
  'fail identity': fail(anotherDisk),
  'fail foreign': fail(notOurs),
  'fail unknown': fail(bug),
  'fail, the node left': fail(offline, true),
  request: { type: 'request', force: false },
  'request, with force': { type: 'request', force: true },
  retry_now: { type: 'retry_now' },
  believe: { type: 'believe' },
  ignore: { type: 'ignore' },
  unignore: { type: 'unignore' },
} as const satisfies Record<string, DeleteTaskEvent>
type EventName = keyof typeof events

function aTask(status: DeleteTaskStatus, task: Partial<DeleteTask> = {}): DeleteTask {
  return {
    run_id: 'run',
    job_id: 'job',
    node_id: 'hub',
    target_id: 'target',
    status,
    force: false,
    requested_by: 'person',
    requested_at: now - hour,
    since: now - hour,
    attempts: 1,
    touched: false,
    missing_confirmed: false,
    next_attempt_at: ['queued', 'retrying', 'blocked'].includes(status) ? now : null,
    last_attempt_at: now - hour,
    last_error_kind: status === 'blocked' ? 'auth' : 'network',
    last_error: unreachable,
    lease_until: status === 'running' ? now + minute : null,
    ended_at: ['abandoned', 'done', 'ignored'].includes(status) ? now - minute : null,
    ...task,
  }
}

const step = (task: DeleteTask, event: DeleteTaskEvent, random = 0.5) => nextDeleteTask(task, event, { now, random })

/** The task and its artifact after a step that moves it. */
function moved(task: DeleteTask, event: DeleteTaskEvent, random?: number) {
  const move = step(task, event, random)
  if (!('moves' in move)) throw new Error(JSON.stringify(move))
  return { ...move.moves, artifact: move.artifact }
}

/** What each event makes of each status: the status and the artifact's, `=` when nothing is new, `-` when it does not happen there. */
const table: Record<EventName, string> = {
  //                     queued              retrying            running             blocked             abandoned           ignored             done
  claim: '               running/deleting    running/deleting    -                   running/deleting    -                   -                   -',
  lose: '                -                   -                   retrying/deleting   -                   -                   -                   -',
  wait: '                queued/deleting     retrying/deleting   -                   =                   -                   -                   -',
  removed: '             -                   -                   done/deleted        -                   -                   -                   -',
  not_there: '           -                   -                   done/missing        -                   -                   -                   -',
  hold: '                -                   -                   blocked/error       -                   -                   -                   -',
  'fail network': '      -                   -                   retrying/deleting   -                   -                   -                   -',
  'fail auth': '         -                   -                   blocked/error       -                   -                   -                   -',
  'fail identity': '     -                   -                   blocked/error       -                   -                   -                   -',
  'fail foreign': '      -                   -                   blocked/error       -                   -                   -                   -',
  'fail unknown': '      -                   -                   retrying/deleting   -                   -                   -                   -',
  'fail, the node left': '-                  -                   retrying/deleting   -                   -                   -                   -',
  request: '             =                   =                   =                   queued/deleting     queued/deleting     queued/deleting     =',
  'request, with force': 'queued/deleting    retrying/deleting   running/deleting    queued/deleting     queued/deleting     queued/deleting     =',
  retry_now: '           =                   queued/deleting     =                   queued/deleting     queued/deleting     queued/deleting     -',
  believe: '             -                   -                   -                   -                   -                   -                   -',
  ignore: '              ignored/error       ignored/error       -                   ignored/error       ignored/error       =                   -',
  unignore: '            -                   -                   -                   -                   -                   queued/deleting     -',
}
const columns = ['queued', 'retrying', 'running', 'blocked', 'abandoned', 'ignored', 'done'] as const satisfies DeleteTaskStatus[]

test('the table has a column for each status', () => {
  expect(columns.toSorted()).toEqual([...deleteTaskStatuses].toSorted())
})

for (const [name, event] of Object.entries(events)) {
  const cells = table[name as EventName].trim().split(/\s+/)
  test(`${name}: ${columns.map((status, at) => `${status} ${cells[at] ?? 'missing'}`).join(', ')}`, () => {
    const found = columns.map((status) => {
      const move = step(aTask(status), event)
      return 'moves' in move ? `${move.moves.status}/${move.artifact}` : 'stays' in move ? '=' : '-'
    })
    expect(found).toEqual(cells)
  })
}

test('no event brings an artifact back, and one that is gone stays so', () => {
  for (const status of deleteTaskStatuses) {
    for (const event of Object.values(events)) {
      const move = step(aTask(status), event)
      if (!('moves' in move)) continue
      expect(move.artifact).not.toBe('present')
      expect(status).not.toBe('done')
    }
  }
})

test('times that are not true in a status are not there', () => {
  for (const status of deleteTaskStatuses) {
    for (const event of Object.values(events)) {
      const move = step(aTask(status), event)
      if (!('moves' in move)) continue
      const { status: to, next_attempt_at, lease_until, ended_at } = move.moves
      expect(lease_until !== null).toBe(to === 'running')
      expect(ended_at !== null).toBe(['done', 'abandoned', 'ignored'].includes(to))
      if (to === 'queued' || to === 'retrying') expect(next_attempt_at).not.toBeNull()
      if (to === 'running' || to === 'done' || to === 'abandoned' || to === 'ignored') expect(next_attempt_at).toBeNull()
    }
  }
})

test('nobody claims what is not due', () => {
  for (const status of ['queued', 'retrying', 'blocked'] as const) {
    expect(step(aTask(status, { next_attempt_at: now + 1 }), events.claim)).toHaveProperty('refused')
    expect(step(aTask(status, { next_attempt_at: null }), events.claim)).toHaveProperty('refused')
  }
})

test('a claim is a lease; what was known of the last attempt stays until the next one has ended', () => {
  expect(moved(aTask('retrying'), events.claim)).toEqual({
    status: 'running',
    lease_until: now + minute,
    last_attempt_at: now,
    next_attempt_at: null,
    ended_at: null,
    artifact: 'deleting',
  })
})

test('a worker that dies gives its task back: at once, without an attempt, and something may be gone', () => {
  expect(moved(aTask('running', { attempts: 7 }), events.lose)).toMatchObject({ status: 'retrying', next_attempt_at: now, touched: true })
  expect(moved(aTask('running'), events.lose)).not.toHaveProperty('attempts')
  // However often: it is not the target that failed.
  expect(moved(aTask('running', { since: 0 }), events.lose)).toMatchObject({ status: 'retrying' })
})

test('nothing there is missing when nobody here touched it, and deleted when an earlier attempt may have', () => {
  expect(moved(aTask('running'), events.not_there)).toMatchObject({ status: 'done', artifact: 'missing', last_error: null, last_error_kind: null })
  expect(moved(aTask('running', { touched: true }), events.not_there)).toMatchObject({ status: 'done', artifact: 'deleted' })
  expect(moved(aTask('running', { touched: true }), events.removed)).toMatchObject({ status: 'done', artifact: 'deleted' })
})

test('that something may be gone is never forgotten', () => {
  expect(moved(aTask('running'), fail(unreachable, true))).toMatchObject({ touched: true })
  expect(moved(aTask('running', { touched: true }), fail(unreachable, false))).toMatchObject({ touched: true })
  expect(moved(aTask('running'), fail(unreachable, false))).toMatchObject({ touched: false })
  for (const name of ['retry_now', 'request, with force'] as const) {
    expect(moved(aTask('abandoned', { touched: true }), events[name])).not.toHaveProperty('touched')
  }
})

test('the network is given 1 minute, then twice as long each time, at most 6 hours; what nobody understands 5 minutes', () => {
  const delays = (error: typeof bug, random: number) =>
    Array.from({ length: 12 }, (_, at) => (moved(aTask('running', { attempts: at }), fail(error), random).next_attempt_at! - now) / minute)
  expect(delays(unreachable, 0.5)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360])
  expect(delays(bug, 0.5)).toEqual([5, 10, 20, 40, 80, 160, 320, 360, 360, 360, 360, 360])
  expect(delays(unreachable, 0).slice(0, 3)).toEqual([0.8, 1.6, 3.2])
  expect(delays(unreachable, 0.999999).at(-1)).toBe(360)
  expect(delays(unreachable, 0).at(-1)).toBe(288)
})

test('the 20th attempt is the last one', () => {
  expect(moved(aTask('running', { attempts: 18 }), events['fail network'])).toMatchObject({ status: 'retrying', attempts: 19 })
  expect(moved(aTask('running', { attempts: 19 }), events['fail network'])).toMatchObject({
    status: 'abandoned',
    artifact: 'error',
    attempts: 20,
    last_error_kind: 'network',
    last_error: unreachable,
  })
})

test('a look at what is blocked is no attempt: a disk that is away for a week is found when it is back', () => {
  let task = aTask('blocked', { attempts: 0, since: now - 29 * day })
  for (let look = 0; look < 30; look++) {
    const claimed = { ...task, ...moved(task, events.claim) }
    const move = moved(claimed, events['fail identity'])
    expect(move).toMatchObject({ status: 'blocked', attempts: 0, next_attempt_at: now + 6 * hour, last_error_kind: 'identity' })
    task = { ...claimed, ...move, next_attempt_at: now }
  }
})

test('after 30 days nobody waits any longer, whatever it was', () => {
  const old = { since: now - 30 * day, attempts: 0 }
  for (const name of ['fail network', 'fail auth', 'fail identity', 'fail foreign', 'fail unknown', 'fail, the node left'] as const) {
    expect(moved(aTask('running', old), events[name])).toMatchObject({ status: 'abandoned', artifact: 'error', ended_at: now })
  }
  for (const status of ['queued', 'retrying', 'blocked'] as const) {
    expect(moved(aTask(status, old), events.wait)).toMatchObject({ status: 'abandoned', artifact: 'error' })
  }
  // One that is tried after a long time is tried: only its failure ends it.
  expect(moved(aTask('queued', old), events.claim)).toMatchObject({ status: 'running' })
  expect(moved(aTask('running', old), events.removed)).toMatchObject({ status: 'done' })
})

test('an offline node costs no attempt, is told once, and holds nothing up when it is back', () => {
  const waiting = moved(aTask('queued', { last_error_kind: null, last_error: null }), events.wait)
  expect(waiting).toMatchObject({ status: 'queued', next_attempt_at: now, last_error_kind: 'node_offline', last_error: offline })
  expect(waiting).not.toHaveProperty('attempts')
  expect(step(aTask('queued', { last_error_kind: 'node_offline' }), events.wait)).toEqual({ stays: true })
  expect(moved(aTask('running', { attempts: 19 }), events['fail, the node left'])).toMatchObject({
    status: 'retrying',
    attempts: 19,
    next_attempt_at: now,
  })
})

test('what is held waits for a person and for nothing else', () => {
  const held = { ...aTask('blocked'), ...moved(aTask('running'), events.hold) }
  expect(held).toMatchObject({ status: 'blocked', next_attempt_at: null, last_error_kind: 'missing_held', last_error: tooMany })
  expect(step(held, events.claim)).toHaveProperty('refused')
  expect(moved(held, events.believe)).toMatchObject({ status: 'queued', missing_confirmed: true, next_attempt_at: now })
  // Looked at again, it is held again.
  expect(moved(held, events.retry_now)).toMatchObject({ status: 'queued', missing_confirmed: false })
  expect(step(aTask('blocked', { last_error_kind: 'identity' }), events.believe)).toHaveProperty('refused')
})

test('retry now takes up what was asked for by a clock that was ahead', () => {
  expect(moved(aTask('queued', { next_attempt_at: now + 30 * 24 * hour }), events.retry_now)).toMatchObject({
    status: 'queued',
    next_attempt_at: now,
  })
})

test('retry now is from the beginning', () => {
  for (const status of ['retrying', 'blocked', 'abandoned', 'ignored'] as const) {
    expect(moved(aTask(status, { attempts: 20, since: 0 }), events.retry_now)).toEqual({
      status: 'queued',
      since: now,
      attempts: 0,
      next_attempt_at: now,
      missing_confirmed: false,
      last_error_kind: null,
      last_error: null,
      lease_until: null,
      ended_at: null,
      artifact: 'deleting',
    })
  }
})

test('force is taken up and never let go', () => {
  expect(moved(aTask('running'), events['request, with force'])).toMatchObject({ status: 'running', force: true, lease_until: now + minute })
  expect(moved(aTask('retrying', { next_attempt_at: now + hour }), events['request, with force'])).toMatchObject({
    force: true,
    next_attempt_at: now + hour,
  })
  expect(step(aTask('retrying', { force: true }), events['request, with force'])).toEqual({ stays: true })
  expect(moved(aTask('blocked', { force: true }), events.request)).not.toHaveProperty('force')
})

test('only what may pass by itself is tried again; what nobody expected is not taken for that', () => {
  const kinds = Object.groupBy(Object.keys(errorCodes) as ErrorCode[], deleteFailureKind)
  expect(kinds.network?.toSorted()).toEqual([
    'canceled',
    'interrupted',
    'node_busy',
    'target_rate_limited',
    'target_timeout',
    'target_unreachable',
    'too_many_requests',
  ])
  expect(kinds.auth?.toSorted()).toEqual(['not_allowed', 'target_auth', 'target_permission'])
  expect(kinds.identity).toEqual(['target_identity'])
  expect(kinds.foreign).toEqual(['conflict'])
  expect(kinds.node_offline).toEqual(['node_offline'])
  expect(kinds.config?.toSorted()).toEqual(['invalid_spec', 'not_found', 'target_rejected', 'unsupported'])
  expect(kinds.unknown).toContain('internal')
  expect(kinds.unknown).toContain('target_full')
})
