import { BastionError } from '../../core/errors.ts'
import { throwIfCanceled } from './cancellation.ts'
import { keySegments } from './target-key.ts'
import type { Target, TargetTree } from './target.ts'

/** A target that changes nothing outside of one directory. */
export interface ConfinedTarget extends Target {
  /** Waits until nothing that changes the place is under way any more, however it ended. */
  idle(): Promise<void>
}

/**
 * The same target, of which only what lies below `prefix` can be changed; all of it can be read. Anything else is refused with `invalid_spec` before the
 * target hears of it, whatever the target itself would do.
 * @param signal ends what is under way, and lets nothing begin
 */
export function confinedTarget(inner: Target, prefix: string, signal: AbortSignal): ConfinedTarget {
  const changing = new Set<Promise<unknown>>()

  function requireBelow(key: string): void {
    throwIfCanceled(signal)
    const within = keySegments(prefix).every((segment, i) => keySegments(key)[i] === segment)
    if (!within || key === prefix)
      throw new BastionError('invalid_spec', `${JSON.stringify(key)} is not below ${prefix}, and nothing else is changed.`)
  }

  async function change<T>(key: string, work: () => Promise<T>): Promise<T> {
    requireBelow(key)
    const changed = work()
    const settled = changed.catch(() => {}).finally(() => changing.delete(settled))
    changing.add(settled)
    return await changed
  }

  function bound<Options extends { signal?: AbortSignal }>(options: Options | undefined): Options & { signal: AbortSignal } {
    return { ...options!, signal: options?.signal === undefined ? signal : AbortSignal.any([options.signal, signal]) }
  }

  /** Without the handle that would let calls past this. */
  function confinedTree(tree: TargetTree): TargetTree {
    return {
      makeDirectory: (key) => change(key, () => tree.makeDirectory(key)),
      symlink: (key, to) => change(key, () => tree.symlink(key, to)),
      link: async (key, existing) => {
        requireBelow(existing)
        return await change(key, () => tree.link(key, existing))
      },
      setMetadata: (key, metadata) => change(key, () => tree.setMetadata(key, metadata)),
    }
  }

  return {
    label: inner.label,
    features: inner.features,
    put: (key, body, options) => change(key, () => inner.put(key, body, bound(options))),
    get: (key, options) => inner.get(key, bound(options)),
    stat: (key) => inner.stat(key),
    list: (directory, options) => inner.list(directory, bound(options)),
    remove: (key) => change(key, () => inner.remove(key)),
    removeTree: (directory, options) => change(directory, () => inner.removeTree(directory, options)),
    removeDirectory: (directory) => change(directory, () => inner.removeDirectory(directory)),
    ...(inner.flush && { flush: (directory: string) => inner.flush!(directory) }),
    ...(inner.tree && { tree: confinedTree(inner.tree) }),
    close: () => inner.close(),
    async idle() {
      await Promise.all(changing)
    },
  }
}
