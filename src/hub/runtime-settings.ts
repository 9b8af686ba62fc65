import type { Clock } from '../core/clock.ts'
import { type Settings, settingsSchema } from '../protocol/http/settings-routes.ts'
import type { Store } from './store/store.ts'

/** What an administrator may change while the Hub runs. */
export interface RuntimeSettings {
  readonly current: Settings
  /** Kept first, then in force. */
  replace(settings: Settings): Promise<Settings>
}

const name = 'runtime'

export async function openRuntimeSettings({ store, clock }: { store: Pick<Store, 'settings'>; clock: Clock }): Promise<RuntimeSettings> {
  let current = (await store.settings.get(name, settingsSchema)) ?? settingsSchema.parse({})
  return {
    get current() {
      return current
    },
    async replace(settings) {
      await store.settings.put(name, settingsSchema, settings, clock.now())
      current = settings
      return settings
    },
  }
}
