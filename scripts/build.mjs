// npm run build: makes dist anew, whatever is there.
import { buildAloud } from './support/build.mjs'
import { buildDocsAloud } from './support/build-docs.mjs'
import { buildWebAloud } from './support/build-web.mjs'
import { withLock } from './support/lock.mjs'

if (!(await withLock(async () => (await buildAloud()) && (await buildWebAloud()) && (await buildDocsAloud())))) process.exitCode = 1
