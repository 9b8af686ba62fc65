// npm run build: makes dist anew, whatever is there.
import { buildAloud } from './support/build.mjs'
import { withLock } from './support/lock.mjs'

if (!(await withLock(buildAloud))) process.exitCode = 1
