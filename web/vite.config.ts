import ui from '@nuxt/ui/vite'
import vue from '@vitejs/plugin-vue'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

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

export default defineConfig({
  root,
  cacheDir: fileURLToPath(new URL('../.cache/vite', import.meta.url)),
  plugins: [
    vue(),
    // Components are imported by name, so that one sees in a file what it uses.
    ui({
      root,
      components: false,
      autoImport: false,
      dts: false,
      colorMode: false,
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
  build: { outDir: dist, emptyOutDir: true, assetsInlineLimit: 0, sourcemap: false },
  // `npm run web`: the pages as they are written, beside a Hub on its usual port.
  server: { proxy: { '/api': { target: 'http://127.0.0.1:9876', ws: true }, '/docs': 'http://127.0.0.1:9876' } },
})
