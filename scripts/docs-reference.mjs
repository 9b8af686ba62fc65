// Writes the pages of docs/reference anew from the code they describe. test/docs/reference.test.ts fails while one of them is stale.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { referencePages } from './support/reference-pages.ts'
import { root, say } from './support/run.mjs'

for (const [file, text] of referencePages()) {
  writeFileSync(path.join(root, file), text)
  say(`written: ${file}`)
}
