// npm run prove [name …]: runs the proofs at full scale and writes what each found to docs/proof/<name>.md.
// A proof that does not hold leaves its page as it was and makes this fail.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { cpus, machine, release, totalmem, type } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { builtProgram, root, say } from './support/run.mjs'

process.env.BASTION_SCALE ??= 'full'
// What is claimed is claimed of the program as it is installed.
process.env.BASTION_TEST_PROGRAM ??= builtProgram
const { seed } = await import('../test/support/seed.ts')
process.env.BASTION_SEED = String(seed) // for the processes a proof starts
const { currentScale } = await import('../test/support/scale.ts')
const { recordProof } = await import('../test/support/proof-report.ts')
const { openRunFolder } = await import('../test/support/run-folder.ts')

const suffix = '.proof.ts'
const folder = path.join(root, 'test', 'proof')
const known = readdirSync(folder).flatMap((file) => (file.endsWith(suffix) ? [file.slice(0, -suffix.length)] : []))
const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !known.includes(name))

if (unknown.length > 0) {
  say(`no such proof: ${unknown.join(' ')}. There are: ${known.join(' ')}`)
  process.exitCode = 2
} else {
  const runFolder = await openRunFolder()
  try {
    for (const name of asked.length > 0 ? asked : known) if (!(await proveOne(name))) process.exitCode = 1
  } finally {
    await runFolder.remove()
  }
}

/** @param {string} name @returns {Promise<boolean>} whether it holds */
async function proveOne(name) {
  say(`proving ${name} …`)
  const proof = /** @type {import('../test/support/proof-report.ts').Proof} */ (await import(pathToFileURL(path.join(folder, name + suffix)).href))
  const report = recordProof()
  const startedAt = performance.now()
  try {
    await proof.prove(report, currentScale)
  } catch (error) {
    report.check('the proof ran to its end', false, error instanceof Error ? error.stack : String(error))
  }
  const seconds = (performance.now() - startedAt) / 1000
  const text = page(name, proof.title, report.markdown, seconds)
  process.stdout.write(`${text}\n`)
  if (report.failures.length > 0) {
    say(`${name} does not hold${report.failures.map((failure) => `\n  ${failure}`).join('')}`)
    return false
  }
  const file = path.join('docs', 'proof', `${name}.md`)
  mkdirSync(path.join(root, 'docs', 'proof'), { recursive: true })
  writeFileSync(path.join(root, file), text)
  say(`${name} holds: ${file}`)
  return true
}

/** @param {string} name @param {string} title @param {string} body @param {number} seconds */
function page(name, title, body, seconds) {
  const processors = cpus()
  const facts = [
    `Date: ${new Date().toISOString().slice(0, 10)}, in ${seconds.toFixed(seconds < 10 ? 1 : 0)} s`,
    `Machine: ${processors.length} × ${processors.at(0)?.model ?? machine()}, ${Math.round(totalmem() / 2 ** 30)} GiB of memory`,
    `System: ${type()} ${release().replace(/-.*/, '')}, Node ${process.versions.node}`,
    `Again: \`BASTION_SEED=${seed}${currentScale === 'full' ? '' : ` BASTION_SCALE=${currentScale}`} npm run prove ${name}\``,
  ]
  return `# ${title}\n\n${facts.map((fact) => `- ${fact}`).join('\n')}\n\n${body}\n`
}
