import { readFileSync } from 'node:fs'

/** One file of a bundle, not the sources. */
export const isBundled = import.meta.url.endsWith('.js')
const manifest = JSON.parse(readFileSync(new URL(isBundled ? '../package.json' : '../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

export const version = manifest.version
/** As manifests name who wrote them. */
export const producer = `bastion/${version}`
