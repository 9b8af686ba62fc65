import { objectNames } from '../../core/artifact.ts'
import type { Entry } from '../../core/entry.ts'
import { type BytePath, fromPathText, pathText, toBytePath } from '../../lib/byte-path.ts'
import type { NameSet } from '../../lib/name-set.ts'
import { createOrderedLane } from '../../lib/ordered-lane.ts'
import { requireSize } from '../confirm-stored.ts'
import { ownName } from '../formats/raw-tree-v1/object-name.ts'
import type { Target } from '../targets/target.ts'

/** Objects asked for at the same time. */
const concurrentStats = 16

/**
 * Looks at the files of a tree before anything is said of them: a target may have said that it stored what it did not. A listing that has as many objects and bytes as were
 * sent will do; where it has not (links count twice there, and some places list late or not all names) each file is asked for.
 * @param options.expected of the files in the index
 * @param options.links keys, as bytes, that are further names of files
 * @param options.lines of the index, each whole, in any order; read only where the listing will not do
 * @param options.replacements lines that stand in place of those
 * @throws target_rejected
 */
export async function confirmTree(options: {
  target: Target
  prefix: string
  expected: { objects: number; bytes: number }
  links: NameSet
  lines: () => Iterable<string>
  replacements: ReadonlyMap<BytePath, string>
  signal: AbortSignal
}): Promise<void> {
  const { target, prefix, expected, links, signal } = options
  let objects = 0
  let bytes = 0
  for (const below of [objectNames.tree, objectNames.odd]) {
    for await (const { key, sizeBytes = 0 } of target.list(`${prefix}/${below}`, { recursive: true, signal })) {
      if (links.has(toBytePath(key))) continue
      objects += 1
      bytes += sizeBytes
    }
  }
  if (objects === expected.objects && bytes === expected.bytes) return

  const lane = createOrderedLane(concurrentStats)
  try {
    for (const line of options.lines()) {
      signal.throwIfAborted()
      const added = JSON.parse(line) as Entry
      if (added.kind !== 'file') continue
      const path = fromPathText(added.path, added.path_b64)
      const replacement = options.replacements.get(path)
      const { object, size = 0 } = replacement === undefined ? added : (JSON.parse(replacement) as Entry)
      const name = object ?? pathText(ownName(path)).text
      await lane.push(
        () => target.stat(`${prefix}/${name}`),
        (stat) => requireSize(target, name, size, stat?.sizeBytes),
      )
    }
    await lane.drain()
  } finally {
    await lane.close()
  }
}
