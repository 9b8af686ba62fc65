import { ref, type Ref } from 'vue'

/** One clock for all that tells how long ago something was. */
export interface Clock {
  /** milliseconds since 1970; moves once a second while the page is seen */
  readonly now: Readonly<Ref<number>>
}

export function createClock(): Clock {
  const now = ref(Date.now())
  setInterval(() => {
    if (document.visibilityState === 'visible') now.value = Date.now()
  }, 1000)
  document.addEventListener('visibilitychange', () => (now.value = Date.now()))
  return { now }
}
