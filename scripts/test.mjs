// npm test [-- FILTER …]: every check, then every test, whatever fails before; the last line counts both.
// A filter (part of a file's path, or an option of vitest) runs the build and those tests only.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { build } from './support/build.mjs'
import { buildDocs, needsDocs } from './support/build-docs.mjs'
import { buildWeb, needsWeb } from './support/build-web.mjs'
import { withLock } from './support/lock.mjs'
import { builtProgram, root, run, toolEnvironment } from './support/run.mjs'

/** @typedef {import('../test/support/outcome-reporter.ts').Outcome} Outcome */

const filters = process.argv.slice(2)
const color = process.env.NO_COLOR === undefined && process.stdout.isTTY ? {} : { NO_COLOR: '1' }
// Tests start the program as it is installed, which is built before them.
const program = { BASTION_TEST_PROGRAM: builtProgram }
const environment = { ...toolEnvironment(), ...color, ...program }

/** @param {string} command @param {string[]} args */
const tool = (command, ...args) => ({ command: [command, ...args].join(' '), check: () => run(command, args, { env: environment }) })

const builds = [
  { name: 'build', command: 'npm run build', check: () => withLock(build) },
  { name: 'web interface', command: 'npm run build', check: () => withLock(async () => (needsWeb() ? buildWeb() : { ok: true, output: '' })) },
  { name: 'documentation', command: 'npm run build', check: () => withLock(async () => (needsDocs() ? buildDocs() : { ok: true, output: '' })) },
]
// None needs another; the types of the web interface need what its build writes.
const checks = [
  { name: 'types', ...tool('tsc', '-b') },
  { name: 'types of tests', ...tool('tsc', '-p', 'test') },
  { name: 'types of scripts', ...tool('tsc', '-p', 'scripts') },
  { name: 'types of the web interface', ...tool('vue-tsc', '-p', 'web') },
  { name: 'lint', ...tool('oxlint') },
  { name: 'format', ...tool('oxfmt', '--check') },
  { name: 'borders', ...tool('npm', 'run', '--silent', 'borders') },
  { name: 'unused', ...tool('knip', '--no-progress') },
]

const total = { passed: 0, failed: 0, skipped: 0 }
for (const each of filters.length > 0 ? builds.slice(0, 2) : builds) await report(each)
if (filters.length === 0) await reportInPairs(checks)
addOutcome(await runVitest())
process.exitCode = total.failed > 0 ? 1 : 0
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)

/** Most use one core. @param {typeof checks} list */
async function reportInPairs(list) {
  const waiting = list.values()
  const lane = async () => {
    for (const check of waiting) await report(check)
  }
  await Promise.all([lane(), lane()])
}

/** @param {{ name: string, command: string, check(): Promise<{ ok: boolean, output: string }> }} check */
async function report({ name, command, check }) {
  const startedAt = performance.now()
  const { ok, output } = await check()
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  total[ok ? 'passed' : 'failed'] += 1
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n${ok ? '' : `${output}\n(${command})\n\n`}`)
}

/** @param {Outcome | undefined} outcome undefined where vitest did not get as far as its end */
function addOutcome(outcome) {
  if (outcome === undefined) {
    total.failed += 1
    process.stdout.write('vitest did not run to its end\n')
    return
  }
  total.passed += outcome.passed
  total.failed += outcome.failed
  total.skipped += outcome.skipped.length
  if (outcome.skipped.length > 0) process.stdout.write('skipped:\n')
  for (const { test, reason } of outcome.skipped) process.stdout.write(`  ${test}: ${reason ?? 'no reason given'}\n`)
}

/** @returns {Promise<Outcome | undefined>} */
async function runVitest() {
  // Named as the tests' own folder is (test/support/run-folder.ts), so that it is reaped as that one is.
  const folder = mkdtempSync(path.join(tmpdir(), `bastion-test-${process.pid}-`))
  const file = path.join(folder, 'outcome.json')
  try {
    const code = await followed('vitest', ['run', ...filters], { ...environment, BASTION_TEST_OUTCOME: file })
    const outcome = /** @type {Outcome} */ (JSON.parse(readFileSync(file, 'utf8')))
    // What it found wrong outside any test: no file for the filter, a setup or a teardown that failed.
    if (code !== 0 && outcome.failed === 0) outcome.failed = 1
    return outcome
  } catch {
    return undefined
  } finally {
    rmSync(folder, { recursive: true })
    const { reapRunFolders } = await import('../test/support/run-folder.ts')
    await reapRunFolders(tmpdir()) // a run that was interrupted does not tidy up itself
  }
}

/**
 * Runs it in sight. Ctrl-C reaches it as it reaches us; it then cleans up, and we count.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number | null>} its exit code
 */
function followed(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' })
    process.on('SIGINT', () => undefined)
    process.on('SIGTERM', () => child.kill('SIGTERM'))
    child.on('error', reject)
    child.on('close', (code) => resolve(code))
  })
}
