import { json } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

/** The other process of `callAs`: module and function in the arguments, the argument on stdin, the result on stdout. */
const [module = '', name = ''] = process.argv.slice(2)
const exported = (await import(pathToFileURL(module).href)) as Record<string, (argument: unknown) => Promise<unknown>>
const result = await exported[name]!(await json(process.stdin))
process.stdout.write(JSON.stringify(result ?? null))
