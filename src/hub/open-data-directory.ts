import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Clock } from '../core/clock.ts'
import { BastionError, hasCode } from '../core/errors.ts'
import { lockDataDirectory } from './lock-data-directory.ts'
import { databaseName, openStore, type Store } from './store/store.ts'

interface OpenOptions {
  dataDirectory: string
  clock: Clock
  /** `alone`: only while no Hub runs; `beside`: a Hub may be using it meanwhile, and the caller changes nothing that a Hub remembers */
  how: 'alone' | 'beside'
}

/** The store of a Hub, opened where its data lie by a command that is no Hub. @throws not_found without one · conflict while a Hub runs that is in the way */
export async function openDataDirectory({ dataDirectory, clock, how }: OpenOptions): Promise<Store> {
  const file = path.join(dataDirectory, databaseName)
  if (!existsSync(file)) throw new BastionError('not_found', `no Hub has its data in ${dataDirectory}`, { hint: 'Name its --data-dir.' })
  await using opened = new AsyncDisposableStack()
  const isShared = !tryLock(opened, dataDirectory, how)
  const store = opened.use(await openStore({ file, clock, isShared }))
  const kept = opened.move()
  return { ...store, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

function tryLock(opened: AsyncDisposableStack, dataDirectory: string, how: OpenOptions['how']): boolean {
  try {
    opened.use(lockDataDirectory(dataDirectory))
    return true
  } catch (error) {
    if (how === 'beside' && hasCode(error, 'conflict')) return false
    throw error
  }
}
