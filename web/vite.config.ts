import ui from '@nuxt/ui/vite'
import vue from '@vitejs/plugin-vue'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const root = import.meta.dirname
const dist = fileURLToPath(new URL('../dist/web', import.meta.url))

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
  build: { outDir: dist, emptyOutDir: true, assetsInlineLimit: 0, sourcemap: false },
  // `npm run web`: the pages as they are written, beside a Hub on its usual port.
  server: { proxy: { '/api': { target: 'http://127.0.0.1:9876', ws: true }, '/docs': 'http://127.0.0.1:9876' } },
})
