import { inject, type InjectionKey } from 'vue'
import type { Client } from '../../../src/client/client.ts'
import type { Session } from '../api/session.ts'
import type { Live } from '../live/live.ts'
import type { createAppearance } from './appearance.ts'
import type { Clock } from './clock.ts'
import type { IntlFormats } from './intl-formats.ts'
import type { Texts } from './texts.ts'

/** What every page may use. */
export interface Services {
  /** the HTTP API as functions; whoever is signed out meanwhile is asked to sign in, and the call goes on */
  client: Client
  session: Session
  live: Live
  texts: Texts
  formats: IntlFormats
  appearance: ReturnType<typeof createAppearance>
  clock: Clock
}

export const servicesKey: InjectionKey<Services> = Symbol('services')

export function useServices(): Services {
  return inject(servicesKey)!
}
