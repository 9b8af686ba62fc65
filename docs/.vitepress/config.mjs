import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { defineConfig } from 'vitepress'
import { externalScripts } from './external-scripts.mjs'

const docs = path.join(import.meta.dirname, '..')
const scripts = externalScripts('/docs/')

/** The pages of a folder by their own headings. @param {string} folder @param {string} text @param {readonly string[]} [first] names that come first */
function section(folder, text, first = []) {
  const order = (/** @type {string} */ name) => (first.includes(name) ? first.indexOf(name) : first.length)
  const names = readdirSync(path.join(docs, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => name.slice(0, -'.md'.length))
    .sort((a, b) => order(a) - order(b) || a.localeCompare(b))
  return { text, items: names.map((name) => ({ text: titleOf(`${folder}/${name}.md`), link: `/${folder}/${name}` })) }
}

/** @param {string} file */
function titleOf(file) {
  return /^# (.+)$/m.exec(readFileSync(path.join(docs, file), 'utf8'))?.[1] ?? file
}

export default defineConfig({
  title: 'Bastion',
  description: 'Backups that stock tools open, honest about what changed while they were read.',
  base: '/docs/',
  outDir: '../dist/docs',
  cacheDir: '../.cache/vitepress',
  cleanUrls: true,
  // Pages name files of the repository, which are not part of the site; test/docs/links.test.ts looks at all of them.
  ignoreDeadLinks: [/\.\.\/(?!guide|reference|design|decisions|extending|proof)/, /^\/api\//],
  transformHtml: scripts.takeOut,
  buildEnd({ outDir }) {
    scripts.write(outDir)
    copyFileSync(path.join(docs, 'reference', 'openapi.json'), path.join(outDir, 'reference', 'openapi.json'))
  },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/guide/first-backup' },
      { text: 'Reference', link: '/reference/cli' },
      { text: 'Design', link: '/design/artifact-format' },
    ],
    sidebar: [
      section('guide', 'Guide', [
        'first-backup',
        'databases',
        'stored-backups',
        'restore',
        'retention',
        'restore-drill',
        'keys',
        'disaster-recovery',
      ]),
      section('reference', 'Reference', ['cli', 'configuration', 'http-api', 'errors']),
      section('design', 'Design', ['artifact-format']),
      section('extending', 'Extending'),
      section('proof', 'Proof'),
      section('decisions', 'Decisions'),
    ],
    outline: { level: [2, 3] },
    search: { provider: 'local' },
  },
})
