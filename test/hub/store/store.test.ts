import path from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '../../../src/hub/store/store.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { aJob, someTime } from '../../support/hub-records.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { artifactContract } from './artifact-contract.ts'
import { storeContract } from './contract.ts'

const clock = createFakeClock(someTime)

for (const { name, run } of [...storeContract, ...artifactContract]) {
  test(`the store ${name}`, async () => {
    await using folder = await temporaryFolder()
    await using store = await openStore({ file: path.join(folder.path, 'bastion.db'), clock })
    await run(store)
  })
}

test('what was written is there when the database is opened again', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'bastion.db')
  const job = aJob()
  {
    await using store = await openStore({ file, clock })
    await store.jobs.insert(job)
  }
  await using again = await openStore({ file, clock })
  expect(await again.jobs.get(job.id)).toEqual(job)
})
