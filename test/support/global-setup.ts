import { openRunFolder } from './run-folder.ts'

/** Runs once, before the first test file starts; what it returns runs after the last one. */
export default async function setUp(): Promise<() => Promise<void>> {
  const folder = await openRunFolder()
  return () => folder.remove()
}
