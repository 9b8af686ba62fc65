#!/usr/bin/env node
// Runs dist/main.js on a Node that can: this one, or the bundled one. Must itself run on any Node since 18.
import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { isModern, modernNode } from './modern-node.mjs'

const main = new URL('../dist/main.js', import.meta.url)

if (!existsSync(main))
  fail(`bastion: ${fileURLToPath(main)} is missing. In a checkout, "npm start -- --help" builds it; in a package, install it again.`)
else if (isModern(process.versions.node)) {
  // What V8 made of the modules is kept beside them: who may write there may change the program itself. Where nothing can be written, nothing is kept.
  module.enableCompileCache?.(fileURLToPath(new URL('../.cache/compile', import.meta.url)))
  await import(main.href)
} else {
  const node = modernNode()
  if (node === undefined) fail(`bastion: needs Node 24.11 or later, and this is ${process.version}. Install a newer Node, then try again.`)
  else await continueOn(node)
}

/** @param {string} node */
async function continueOn(node) {
  const { spawn } = await import('node:child_process')
  const child = spawn(node, [...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit' })
  const forward = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGCONT'])
  const fromTerminal = new Set(['SIGINT', 'SIGQUIT'])
  for (const signal of forward) {
    process.on(signal, () => {
      if (!(fromTerminal.has(signal) && isForeground())) child.kill(signal)
    })
  }
  child.on('error', (error) => {
    fail(`bastion: the bundled Node does not start here (${error.message}). Install Node 24.11 or later, then try again.`)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    // Die of the same signal, so that a shell or a service manager sees what happened to the program itself.
    for (const name of forward) process.removeAllListeners(name)
    process.kill(process.pid, signal)
    // A signal that is ignored here (SIGPIPE) leaves this line to answer as a shell would.
    setTimeout(() => process.exit(128 + constants.signals[signal]), 1000)
  })
}

/**
 * Ctrl-C reaches every process of the terminal's foreground group, the child too: passing it on would make it two, and the second one is
 * the one that does not wait. proc(5): after the name in parentheses come state, ppid, pgrp, session, tty_nr and tpgid.
 */
function isForeground() {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1')
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return group === foreground
  } catch {
    return process.stdin.isTTY
  }
}

/** @param {string} message */
function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}
