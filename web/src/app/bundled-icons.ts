import { addIcon as keepIcon, Icon } from '@iconify/vue/offline'

/**
 * What the components take of `@iconify/vue`, from the half of it that draws the icons it was given and asks no server for others.
 * vite.config.ts puts it in the place of the whole.
 */
export { Icon }
export const iconLoaded = () => true

/** @param name such as `lucide:activity`; components say `lucide-activity` */
export function addIcon(name: string, icon: Parameters<typeof keepIcon>[1]): boolean {
  keepIcon(name.replace(':', '-'), icon)
  return true
}
