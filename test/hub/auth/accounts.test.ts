import path from 'node:path'
import { expect, test } from 'vitest'
import { createAccounts } from '../../../src/hub/auth/accounts.ts'
import { createPasswords } from '../../../src/hub/auth/passwords.ts'
import { createSessions } from '../../../src/hub/auth/sessions.ts'
import { openStore } from '../../../src/hub/store/store.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { cheapPasswords } from '../../support/http-hub.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const dayMs = 24 * 60 * 60_000
const from = { address: '192.0.2.1', userAgent: 'a browser' }

async function open(cost = cheapPasswords) {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder()).path
  const clock = createFakeClock(1_000_000_000_000)
  const store = opened.use(await openStore({ file: path.join(folder, 'bastion.db'), clock }))
  const accounts = createAccounts({ store, clock, passwords: createPasswords(cost) })
  const sessions = createSessions({ store, clock })
  const kept = opened.move()
  return { store, clock, accounts, sessions, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

test('of many who set up at once one becomes the administrator', async () => {
  await using hub = await open()
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, number) => hub.accounts.setUp(`admin${number}`, 'a long password')))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(await hub.store.users.list()).toHaveLength(1)
})

test('the wrong password, somebody unknown and somebody disabled are told the same', async () => {
  await using hub = await open()
  const user = await hub.accounts.setUp('ada', 'a long password')
  const outcome = (username: string, password: string) =>
    hub.accounts.signIn({ address: from.address, username }, password).catch((error: unknown) => String(error))
  expect(await outcome('ada', 'a long password')).toMatchObject({ id: user.id })
  const wrong = await outcome('ada', 'another')
  expect(wrong).toMatch('wrong')
  expect(await outcome('nobody', 'a long password')).toBe(wrong)
  await hub.store.users.update(user.id, { disabled_at: 1, updated_at: 1 })
  expect(await outcome('ada', 'a long password')).toBe(wrong)
})

test('a password that was hashed at a lower cost is hashed anew when it is told', async () => {
  await using hub = await open()
  const user = await hub.accounts.setUp('ada', 'a long password')
  const today = createAccounts({ ...hub, passwords: createPasswords({ ...cheapPasswords, passes: 2 }) })
  await today.signIn({ address: from.address, username: 'ada' }, 'a long password')
  const { password_hash: hash } = (await hub.store.users.get(user.id))!
  expect(hash).not.toBe(user.password_hash)
  expect(hash).toContain('t=2')
  await today.signIn({ address: from.address, username: 'ada' }, 'a long password')
})

test('a session ends a week after it was used last, and after a month in any case', async () => {
  await using hub = await open()
  const user = await hub.accounts.setUp('ada', 'a long password')
  const { token } = await hub.sessions.start(user, from)
  for (let day = 0; day < 29; day += 5) {
    expect(await hub.sessions.find(token)).toMatchObject({ user: { id: user.id } })
    hub.clock.advance(5 * dayMs)
  }
  expect(await hub.sessions.find(token)).toBeNull()

  const { token: unused } = await hub.sessions.start(user, from)
  hub.clock.advance(7 * dayMs - 1)
  expect(await hub.sessions.find(unused)).not.toBeNull()
  hub.clock.advance(7 * dayMs + 1)
  expect(await hub.sessions.find(unused)).toBeNull()
})

test('the store has no token that a browser could send', async () => {
  await using hub = await open()
  const { token, session } = await hub.sessions.start(await hub.accounts.setUp('ada', 'a long password'), from)
  expect(JSON.stringify(await hub.store.sessions.get(session.id))).not.toContain(token)
  expect(await hub.sessions.find(session.id)).toBeNull()
})

test('a session of somebody who may not sign in any more holds no more', async () => {
  await using hub = await open()
  const user = await hub.accounts.setUp('ada', 'a long password')
  const { token, session } = await hub.sessions.start(user, from)
  await hub.store.users.update(user.id, { disabled_at: 1, updated_at: 1 })
  expect(await hub.sessions.find(token)).toBeNull()
  expect(await hub.sessions.holds(session.id)).toBe(false)
})
