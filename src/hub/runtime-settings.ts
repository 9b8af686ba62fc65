import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../core/clock.ts'
import { BastionError } from '../core/errors.ts'
import { type Settings, settingsSchema } from '../protocol/http/settings-routes.ts'
import type { Store } from './store/store.ts'

/** What an administrator may change while the Hub runs. */
export interface RuntimeSettings {
  readonly current: Settings
  /** Kept first, then in force. @throws conflict for one that is decided elsewhere */
  replace(settings: Settings): Promise<Settings>
}

/** One that the machine decides: `by` a flag, a variable of the environment or a file. */
export interface FixedSetting {
  name: keyof Settings
  value: unknown
  by: string
}

/** Under which name they are kept in the database. */
export const runtimeSettingsName = 'runtime'

interface RuntimeOptions {
  store: Pick<Store, 'settings'>
  clock: Clock
  fixed: readonly FixedSetting[]
}

export async function openRuntimeSettings({ store, clock, fixed }: RuntimeOptions): Promise<RuntimeSettings> {
  const fixedValues = Object.fromEntries(fixed.map(({ name, value }) => [name, value]))
  const inForce = (settings: Settings) => settingsSchema.parse({ ...settings, ...fixedValues })
  let stored = (await store.settings.get(runtimeSettingsName, settingsSchema)) ?? settingsSchema.parse({})
  let current = inForce(stored)
  return {
    get current() {
      return current
    },
    async replace(settings) {
      for (const { name, value, by } of fixed) {
        if (isDeepStrictEqual(settings[name], value)) continue
        throw new BastionError('conflict', `${name} is decided by ${by}`, { hint: 'Change it there, and restart the Hub.' })
      }
      // What is decided elsewhere stays as it was kept, for the day it is not any more.
      const kept = settingsSchema.parse({ ...settings, ...Object.fromEntries(fixed.map(({ name }) => [name, stored[name]])) })
      await store.settings.put(runtimeSettingsName, settingsSchema, kept, clock.now())
      stored = kept
      current = inForce(kept)
      return current
    },
  }
}
