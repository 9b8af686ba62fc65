import ui from '@nuxt/ui/vite'
import vue from '@vitejs/plugin-vue'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'
import { routeAddresses } from '../src/protocol/http/api.ts'

const root = import.meta.dirname
const dist = fileURLToPath(new URL('../dist/web', import.meta.url))

/** Under the pointer the text of a button has still the contrast that axe asks for. Written out, so that Tailwind finds them. */
const pressed = [
  {
    color: 'primary',
    variant: 'solid',
    class: 'hover:bg-[color-mix(in_oklch,var(--ui-primary),black_12%)] active:bg-[color-mix(in_oklch,var(--ui-primary),black_12%)]',
  },
  {
    color: 'error',
    variant: 'solid',
    class: 'hover:bg-[color-mix(in_oklch,var(--ui-error),black_12%)] active:bg-[color-mix(in_oklch,var(--ui-error),black_12%)]',
  },
] as const

const reachesSchemas = new Map<string, boolean>()

/** Whether a module needs the schemas of the API, itself or through another. */
function needsSchemas(id: string, context: { getModuleInfo(id: string): { importedIds: readonly string[] } | null }): boolean {
  const known = reachesSchemas.get(id)
  if (known !== undefined) return known
  reachesSchemas.set(id, false) // while it is looked at: circles end here
  const needs = /[\\/](zod|croner)[\\/]/.test(id) || (context.getModuleInfo(id)?.importedIds ?? []).some((each) => needsSchemas(each, context))
  reachesSchemas.set(id, needs)
  return needs
}

/** What all pages behind the sign-in are made of: asked for with the app, not when it has begun. */
const partsEarly: Plugin = {
  name: 'parts-early',
  transformIndexHtml: (_, { bundle = {} }) =>
    Object.values(bundle)
      .filter((file) => file.type === 'chunk' && file.name === 'parts')
      .map(({ fileName }) => ({ tag: 'link', attrs: { rel: 'modulepreload', crossorigin: true, href: `/${fileName}` }, injectTo: 'head' })),
}

export default defineConfig({
  root,
  cacheDir: fileURLToPath(new URL('../.cache/vite', import.meta.url)),
  plugins: [
    vue(),
    partsEarly,
    // Components are imported by name, so that one sees in a file what it uses.
    ui({
      root,
      components: false,
      autoImport: false,
      dts: false,
      colorMode: false,
      // Of the stylesheet as much as is used: half of it.
      experimental: { componentDetection: true },
      icon: { clientBundle: { scan: { globInclude: ['src/**/*.{ts,vue}'], globExclude: [] } } },
      ui: {
        button: { defaultVariants: { size: 'sm' }, compoundVariants: [...pressed] },
        input: { defaultVariants: { size: 'sm' } },
        inputNumber: { defaultVariants: { size: 'sm' } },
        select: { defaultVariants: { size: 'sm' } },
        selectMenu: { defaultVariants: { size: 'sm' } },
        textarea: { defaultVariants: { size: 'sm' } },
        formField: { defaultVariants: { size: 'sm' } },
        dropdownMenu: { defaultVariants: { size: 'sm' } },
        switch: { defaultVariants: { size: 'sm' } },
      },
    }),
  ],
  resolve: { alias: [{ find: /^@iconify\/vue$/, replacement: fileURLToPath(new URL('src/app/bundled-icons.ts', import.meta.url)) }] },
  define: {
    hubRoutes: JSON.stringify(routeAddresses()),
    // What these libraries can do besides, and is not used.
    __VUE_OPTIONS_API__: false,
    __VUE_I18N_LEGACY_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    outDir: dist,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    sourcemap: false,
    rolldownOptions: {
      output: {
        codeSplitting: {
          // `app` is what every page begins with; `parts` what most pages behind the sign-in are made of, as one file instead of forty, each of which takes its time
          // even out of the browser's cache; `forms` the schemas of the API with what needs them. See docs/decisions/0018-pages-in-few-files.md.
          groups: [
            { name: 'app', tags: ['$initial'] },
            { name: (id, context) => (needsSchemas(id, context) ? null : 'parts'), minShareCount: 5 },
            { name: (id, context) => (needsSchemas(id, context) ? 'forms' : null), minShareCount: 2, includeDependenciesRecursively: false },
          ],
        },
      },
    },
  },
  // `npm run web`: the pages as they are written, beside a Hub on its usual port.
  server: { proxy: { '/api': { target: 'http://127.0.0.1:9876', ws: true }, '/docs': 'http://127.0.0.1:9876' } },
})
