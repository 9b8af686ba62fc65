import { type FunctionalComponent, h, type VNode } from 'vue'

interface IconDrawing {
  /** what stands within the `svg` */
  body: string
  width?: number
  height?: number
}

const icons = new Map<string, IconDrawing>()

/** An icon of the bundle by its name, such as `i-lucide-activity`, as large as the text around it; nothing when there is none of that name. */
export const BundledIcon: FunctionalComponent<{ name: string }> = ({ name }) => draw(name.slice(2))
BundledIcon.props = { name: { type: String, required: true } }

function draw(key: string): VNode | null {
  const found = icons.get(key)
  if (found === undefined) return null
  const { body, width = 16, height = 16 } = found
  return h('svg', {
    xmlns: 'http://www.w3.org/2000/svg',
    width: '1em',
    height: '1em',
    viewBox: `0 0 ${width} ${height}`,
    'aria-hidden': 'true',
    innerHTML: body,
  })
}

// What follows stands in the place of `@iconify/vue`, which asks a server for what it does not know: the components of Nuxt UI draw by it, and its plugin gives the icons
// of the bundle to it. See vite.config.ts.

/** @param name such as `lucide:activity` */
export function addIcon(name: string, icon: IconDrawing): boolean {
  icons.set(name.replace(':', '-'), icon)
  return true
}

export const iconLoaded = (key: string): boolean => icons.has(key)

/** What is said besides is about servers and customisations; none of it becomes an attribute. */
export const Icon: FunctionalComponent<{ icon: string; mode?: unknown; width?: unknown; height?: unknown; customise?: unknown; ssr?: unknown }> = ({
  icon,
}) => draw(icon)
Icon.props = ['icon', 'mode', 'width', 'height', 'customise', 'ssr']
