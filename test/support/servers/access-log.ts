import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isTemporaryName } from '../../../src/engine/targets/temporary-name.ts'

/** The paths of objects in the order in which they got their names, by what a server wrote down while it worked; objects on their way in have none. */
export type Appearances = (log: string) => string[]

/** As `apacheWebdav` has it written: method, status, path, destination. */
export const appearancesInApache: Appearances = (log) => pathsOf(log, /^(?:PUT 2\d\d (\S+) |MOVE 2\d\d \S+ http:\/\/[^/]+(\S+)$)/)

/** Of the gateway's own frontend: an object is there when a PUT of the whole, or the POST that ends an upload in pieces, is done. */
export const appearancesInRadosgw: Appearances = (log) =>
  pathsOf(log, /beast: .*"(?:PUT (\/[^ ?]+)(?:\?x-id=PutObject)? HTTP[^"]*" 2|POST (\/[^ ?]+)\?uploadId=[^ ]* HTTP[^"]*" 2)/)

/** Of sftp-server(8), with `-l INFO`: an object is there when it is renamed, or closed after something was written under its name (directories are opened too, to be synced). */
export const appearancesInSftpServer: Appearances = (log) =>
  pathsOf(log, /(?:posix-rename|hardlink) old "[^"]*" new "([^"]*)"|close "([^"]*)" bytes read 0 written [1-9]/)

function pathsOf(log: string, pattern: RegExp): string[] {
  return log.split('\n').flatMap((line) => {
    const found = pattern.exec(line)
    const path = found?.[1] ?? found?.[2]
    return path === undefined || isTemporaryName(path.slice(path.lastIndexOf('/') + 1)) ? [] : [decodeURIComponent(path)]
  })
}

const patienceMs = 20_000
const pollMs = 100

/** What became of a run's directory, names below it in the order they appeared. A server writes its log when it comes to it: waited is for the name `last`. */
export async function appearancesOf(options: { logFile: string; read: Appearances; below: string; last: string }): Promise<string[]> {
  for (const startedAt = performance.now(); ; await delay(pollMs)) {
    const names = options.read(readFileSync(options.logFile, 'utf8')).flatMap((path) => {
      const at = path.indexOf(options.below)
      return at < 0 ? [] : [path.slice(at + options.below.length)]
    })
    if (names.includes(options.last)) return names
    if (performance.now() - startedAt > patienceMs) throw new Error(`${options.logFile} tells nothing of ${options.last}`)
  }
}
