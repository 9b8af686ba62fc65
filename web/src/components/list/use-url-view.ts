import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** What is chosen on a page, kept in its address: a link gives the view again. What stands at its default is left out. */
export function useUrlView<const Defaults extends Readonly<Record<string, string>>>(
  defaults: Defaults,
): { [Name in keyof Defaults]: WritableComputedRef<string> } {
  const route = useRoute()
  const router = useRouter()
  let chosen: Partial<Record<string, string>> = {}

  /** What is chosen in one go is one step, for the address changes only later. */
  function keep(): void {
    const query = { ...route.query, ...chosen }
    chosen = {}
    const kept = Object.entries(query).filter(([name, value]) => value !== (defaults as Readonly<Record<string, string>>)[name])
    void router.replace({ query: Object.fromEntries(kept), hash: route.hash })
  }

  const entries = Object.entries(defaults).map(([name, standard]) => [
    name,
    computed({
      get: () => {
        const given = route.query[name]
        return typeof given === 'string' ? given : standard
      },
      set: (value: string) => {
        if (Object.keys(chosen).length === 0) queueMicrotask(keep)
        chosen[name] = value
      },
    }),
  ])
  return Object.fromEntries(entries) as { [Name in keyof Defaults]: WritableComputedRef<string> }
}
