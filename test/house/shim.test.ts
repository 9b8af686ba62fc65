import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const exec = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const oldNode = '/usr/bin/node'
const oldVersion = /^v(\d+)\./.exec(spawnSync(oldNode, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]
const isOld = oldVersion !== undefined && Number(oldVersion) < 24
const nodes = [
  { name: 'the Node of the packages', node: process.execPath, reason: '' },
  { name: 'an old Node', node: oldNode, reason: isOld ? '' : `${oldNode} is not an old Node` },
]

let home = ''

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'bastion-shim-'))
  await cp(path.join(root, 'bin'), path.join(home, 'bin'), { recursive: true })
  await symlink(path.join(root, 'node_modules'), path.join(home, 'node_modules'))
  await mkdir(path.join(home, 'dist'), { recursive: true })
  await writeFile(path.join(home, 'package.json'), '{"type":"module"}')
})

afterAll(() => rm(home, { recursive: true, force: true }))

describe.each(nodes)('bin/bastion.mjs on $name', ({ node, reason }) => {
  test('runs the program on Node 24 or later with its arguments and its exit code', async (context) => {
    if (reason !== '') context.skip(reason)
    await program(`console.log(JSON.stringify([Number(process.versions.node.split('.')[0]) >= 24, process.argv.slice(2)])); process.exitCode = 3`)
    const result = spawnSync(node, [path.join(home, 'bin/bastion.mjs'), 'ls', '--', 'a b'], { encoding: 'utf8' })
    expect(result).toMatchObject({ status: 3, stdout: '[true,["ls","--","a b"]]\n', stderr: '' })
  })

  test('dies of the signal the program died of', async (context) => {
    if (reason !== '') context.skip(reason)
    await program(`process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)`)
    expect(spawnSync(node, [path.join(home, 'bin/bastion.mjs')])).toMatchObject({ status: null, signal: 'SIGKILL' })
  })

  test.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('passes %s on, once, and waits for the program', async (signal, context) => {
    if (reason !== '') context.skip(reason)
    await program(countSignals(signal))
    const child = spawn(node, [path.join(home, 'bin/bastion.mjs')], { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (text.includes('ready')) child.kill(signal)
    })
    const [code] = (await once(child, 'close')) as [number | null]
    expect({ said, code }).toEqual({ said: 'ready\n1\n', code: 7 })
  })

  test('gives the program one SIGINT for one Ctrl-C at a terminal', async (context) => {
    if (reason !== '') context.skip(reason)
    if (spawnSync('script', ['--version']).error !== undefined) context.skip('no script(1) to make a terminal with')
    await program(countSignals('SIGINT'))
    const terminal = spawn('script', ['-qec', `${node} ${path.join(home, 'bin/bastion.mjs')}`, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
    let said = ''
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (text.includes('ready')) terminal.stdin.write('\x03')
    })
    await once(terminal, 'close')
    expect(said.replaceAll('\r', '').replace('^C', '')).toBe('ready\n1\n')
  })

  test('says what to do when the program has not been built', async (context) => {
    if (reason !== '') context.skip(reason)
    await rm(path.join(home, 'dist', 'main.js'))
    await expect(exec(node, [path.join(home, 'bin/bastion.mjs')])).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: /main\.js is missing.*npm start/,
    })
  })
})

test('an old Node without the packages says which Node it needs', async (context) => {
  if (!isOld) context.skip(`${oldNode} is not an old Node`)
  const bare = await mkdtemp(path.join(tmpdir(), 'bastion-bare-'))
  try {
    await cp(path.join(root, 'bin'), path.join(bare, 'bin'), { recursive: true })
    await mkdir(path.join(bare, 'dist'), { recursive: true })
    await writeFile(path.join(bare, 'dist', 'main.js'), '')
    expect(spawnSync(oldNode, [path.join(bare, 'bin/bastion.mjs')], { encoding: 'utf8' })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('needs Node 24.11') as string,
    })
  } finally {
    await rm(bare, { recursive: true })
  }
})

async function program(text: string): Promise<void> {
  await writeFile(path.join(home, 'dist', 'main.js'), text)
}

/** A program that says how many signals it got, with time for a second one to come. */
function countSignals(signal: string): string {
  return `
    let count = 0
    process.on('${signal}', () => {
      count += 1
      if (count === 1) setTimeout(() => { console.log(count); process.exit(7) }, 300)
    })
    setInterval(() => {}, 1000)
    console.log('ready')`
}
