import ui from '@nuxt/ui/vite'
import vue from '@vitejs/plugin-vue'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'
import { routeAddresses } from '../src/protocol/http/api.ts'

const root = import.meta.dirname
const dist = fileURLToPath(new URL('../dist/web', import.meta.url))

/** Whether a module is one of those, or needs one, itself or through another. */
function reaching(those: RegExp) {
  const known = new Map<string, boolean>()
  return function reaches(id: string, context: { getModuleInfo(id: string): { importedIds: readonly string[] } | null }): boolean {
    const found = known.get(id)
    if (found !== undefined) return found
    known.set(id, false) // while it is looked at: circles end here
    const needs = those.test(id) || (context.getModuleInfo(id)?.importedIds ?? []).some((each) => reaches(each, context))
    known.set(id, needs)
    return needs
  }
}

const needsSchemas = reaching(/[\\/](zod|croner)[\\/]/)
/** what the library has for choosing and filling in */
const needsControls = reaching(/[\\/]@nuxt[\\/]ui[\\/].*\.vue/)
const isLibrary = (id: string): boolean => /[\\/]node_modules[\\/](?!.*@tanstack[\\/](vue-)?query)|^\0|virtual:/.test(id)

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
        button: { defaultVariants: { size: 'sm' } },
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
          // `app` is what every page begins with; `parts` what pages share that show something; `controls` that for those where something is chosen or filled in, and
          // `forms` the schemas of the API with what needs them. As few files as that, for each takes its time even out of the browser's cache.
          // See docs/decisions/0018-pages-in-few-files.md.
          groups: [
            { name: 'app', tags: ['$initial'] },
            { name: (id, context) => (isLibrary(id) || needsSchemas(id, context) || needsControls(id, context) ? null : 'parts'), minShareCount: 2 },
            { name: (id, context) => (needsSchemas(id, context) ? null : 'controls'), minShareCount: 3 },
            { name: (id, context) => (needsSchemas(id, context) ? 'forms' : null), minShareCount: 2, includeDependenciesRecursively: false },
          ],
        },
      },
    },
  },
  // `npm run web`: the pages as they are written, beside a Hub on its usual port.
  server: { proxy: { '/api': { target: 'http://127.0.0.1:9876', ws: true }, '/docs': 'http://127.0.0.1:9876' } },
})
