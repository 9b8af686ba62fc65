import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** What is chosen on a page, kept in its address: a link gives the view again. What stands at its default is left out. */
export function useUrlView<const Defaults extends Readonly<Record<string, string>>>(
  defaults: Defaults,
): { [Name in keyof Defaults]: WritableComputedRef<string> } {
  const route = useRoute()
  const router = useRouter()
  const entries = Object.entries(defaults).map(([name, standard]) => [
    name,
    computed({
      get: () => {
        const given = route.query[name]
        return typeof given === 'string' ? given : standard
      },
      set: (value: string) => {
        const { [name]: _, ...others } = route.query
        void router.replace({ query: value === standard ? others : { ...others, [name]: value }, hash: route.hash })
      },
    }),
  ])
  return Object.fromEntries(entries) as { [Name in keyof Defaults]: WritableComputedRef<string> }
}
