import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { Clock } from '../../src/core/clock.ts'
import type { PlanSecrets } from '../../src/hub/dispatch/dispatch-services.ts'
import { createHub, type Hub, type HubOptions } from '../../src/hub/hub.ts'
import type { HubLog } from '../../src/hub/hub-log.ts'
import { openStore } from '../../src/hub/store/store.ts'

/** What is logged as an error is an error of the test. */
export const strictLog: HubLog = {
  info() {},
  warn() {},
  error(fields, message) {
    throw new Error(message, { cause: fields['err'] })
  },
}

/** A vault with nothing in it. */
export const emptyVault: PlanSecrets = {
  credentialsFor: async () => ({}),
  recipientFor: async () => {
    throw new Error('this vault has no keys')
  },
  identitiesFor: async () => [],
}

/** A Hub whose database is in `folder`; disposed of together with it. */
export async function openHub(folder: string, options: { clock: Clock } & Partial<HubOptions>): Promise<Hub> {
  await using opened = new AsyncDisposableStack()
  const store = opened.use(await openStore({ file: path.join(folder, 'bastion.db'), clock: options.clock }))
  const hub = opened.use(await createHub({ store, vault: emptyVault, log: strictLog, random: randomBytes, ...options }))
  const kept = opened.move()
  return { ...hub, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
