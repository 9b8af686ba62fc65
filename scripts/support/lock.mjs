import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root, say } from './run.mjs'

const file = path.join(root, '.cache', 'prepare.lock')

/**
 * Lets one process at a time change node_modules and dist: `npm start` and `npm test` may begin together in a fresh clone.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(work) {
  mkdirSync(path.dirname(file), { recursive: true })
  for (let waiting = false; !tryLock(); await sleep(200)) {
    const holder = holderPid()
    if (holder !== undefined && !isAlive(holder)) rmSync(file, { force: true })
    else if (!waiting) say(`bastion: waiting for process ${holder ?? '?'}, which is preparing this checkout …`)
    waiting = true
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

function tryLock() {
  const mine = `${file}.${process.pid}`
  writeFileSync(mine, String(process.pid))
  try {
    linkSync(mine, file) // appears with its content, or not at all
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    rmSync(mine)
  }
}

function holderPid() {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined
  } catch {
    return undefined
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return /** @type {NodeJS.ErrnoException} */ (error).code
}
