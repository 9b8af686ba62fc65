import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const inline = /<script((?:(?!\ssrc=)[^>])*)>([^]*?)<\/script>/g

/**
 * Moves the scripts that stand in the pages into files beside them: the Hub allows no others.
 * @param {string} base where the site is served
 */
export function externalScripts(base) {
  /** @type {Map<string, string>} */
  const files = new Map()
  return {
    takeOut: (/** @type {string} */ html) =>
      html.replaceAll(inline, (_, attributes, /** @type {string} */ script) => {
        const file = `assets/inline-${createHash('sha256').update(script).digest('hex').slice(0, 16)}.js`
        files.set(file, script)
        return `<script${String(attributes)} src="${base}${file}"></script>`
      }),
    write(/** @type {string} */ directory) {
      mkdirSync(path.join(directory, 'assets'), { recursive: true })
      for (const [file, script] of files) writeFileSync(path.join(directory, file), script)
    },
  }
}
