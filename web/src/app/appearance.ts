import { ref, watchEffect } from 'vue'

export const appearances = ['system', 'light', 'dark'] as const
export type Appearance = (typeof appearances)[number]

/** As public/appearance.js reads it before the first paint. */
const keptIn = 'bastion.appearance'

/** Light or dark, as was chosen in this browser, or as the system is. */
export function createAppearance() {
  const kept = localStorage.getItem(keptIn)
  const chosen = ref<Appearance>(appearances.find((each) => each === kept) ?? 'system')
  const system = matchMedia('(prefers-color-scheme: dark)')
  const isSystemDark = ref(system.matches)
  system.addEventListener('change', () => (isSystemDark.value = system.matches))
  const isDark = ref(false)
  watchEffect(() => {
    isDark.value = chosen.value === 'dark' || (chosen.value === 'system' && isSystemDark.value)
    document.documentElement.classList.toggle('dark', isDark.value)
    document.documentElement.classList.toggle('light', !isDark.value)
  })
  return {
    chosen,
    isDark,
    choose(appearance: Appearance) {
      chosen.value = appearance
      localStorage.setItem(keptIn, appearance)
    },
  }
}
