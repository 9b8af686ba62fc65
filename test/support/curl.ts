import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import type { CheckedFetch } from './openapi-checker.ts'

const exec = promisify(execFile)

/** Why curl cannot be called here, as the reason of a skipped test; absent when it can. */
export const whyNoCurl = existsSync('/usr/bin/curl') ? undefined : 'no curl'

const mostBytes = 64 * 2 ** 20
const headEnd = '\r\n\r\n'

/** A `fetch` that is the program curl; cookies are kept in the file `jar`, as the documentation tells people to. */
export function curlWith(jar: string): CheckedFetch {
  return async (url, { method, headers, body }) => {
    const given = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`])
    const content = body === undefined ? [] : ['--data-binary', body]
    const args = ['--silent', '--show-error', '--include', '--cookie', jar, '--cookie-jar', jar, '--request', method, ...given, ...content, url]
    const { stdout: answer } = await exec('/usr/bin/curl', args, { encoding: 'buffer', maxBuffer: mostBytes })
    const end = answer.indexOf(headEnd)
    const [statusLine = '', ...lines] = answer.subarray(0, end).toString('latin1').split('\r\n')
    const bytes = answer.subarray(end + headEnd.length)
    const status = Number(statusLine.split(' ')[1])
    return new Response(status === 204 ? null : Uint8Array.from(bytes), {
      status,
      headers: lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    })
  }
}
