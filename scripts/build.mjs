// npm run build: makes dist anew, whatever is there.
import { buildAloud } from './support/build.mjs'
import { buildDocsAloud } from './support/build-docs.mjs'
import { withLock } from './support/lock.mjs'

if (!(await withLock(async () => (await buildAloud()) && (await buildDocsAloud())))) process.exitCode = 1
