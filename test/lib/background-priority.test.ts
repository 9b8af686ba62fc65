import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const script = `
import { readdirSync, readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { workInBackground } from './src/lib/background-priority.ts'
workInBackground()
const worker = new Worker('require("node:worker_threads").parentPort.on("message", () => {})', { eval: true, execArgv: [] })
worker.once('online', () => {
  const niceness = (thread) => Number(readFileSync(\`/proc/self/task/\${thread}/stat\`, 'latin1').split(') ')[1].split(' ')[16])
  console.log(JSON.stringify(readdirSync('/proc/self/task').map(niceness)))
  worker.terminate()
})
`

test.runIf(process.platform === 'linux')('every thread of a process that works in the background is nice, those it starts later too', () => {
  const niceness = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })) as number[]
  expect(niceness.length).toBeGreaterThan(2)
  expect(new Set(niceness)).toEqual(new Set([10]))
})
