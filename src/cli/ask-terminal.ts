import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { BastionError } from '../core/errors.ts'

/** Asks a person at the terminal. What is `hidden` is not shown while it is typed. @throws invalid_spec where there is nobody to ask */
export function askTerminal(question: string, options: { hidden: boolean; hint?: string; signal: AbortSignal }): Promise<string> {
  if (!process.stdin.isTTY)
    throw new BastionError('invalid_spec', `there is no terminal to ask for: ${question}`, {
      hint: options.hint ?? 'Give --username, and BASTION_PASSWORD in the environment.',
    })
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: options.hidden ? silent : process.stderr, terminal: true })
  // From here on the terminal shows nothing of its own: not before may anybody be asked.
  process.stderr.write(`${question}: `)
  return new Promise((resolve, reject) => {
    options.signal.addEventListener('abort', () => lines.close(), { once: true })
    lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    lines.once('line', (line) => {
      resolve(line)
      lines.close()
    })
    lines.once('close', () => {
      if (options.hidden) process.stderr.write('\n')
      reject(new BastionError('canceled', 'nothing was answered'))
    })
  })
}
