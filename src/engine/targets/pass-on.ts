import type { Target, TargetTree } from './target.ts'

/** A target that does nothing but ask `inner`: what a wrapper starts from. */
export function passOn(inner: Target): Target {
  return {
    label: inner.label,
    features: inner.features,
    put: (key, body, options) => inner.put(key, body, options),
    get: (key, options) => inner.get(key, options),
    stat: (key) => inner.stat(key),
    list: (prefix, options) => inner.list(prefix, options),
    remove: (key) => inner.remove(key),
    removeTree: (prefix, options) => inner.removeTree(prefix, options),
    removeDirectory: (prefix) => inner.removeDirectory(prefix),
    ...(inner.flush && { flush: (prefix: string) => inner.flush!(prefix) }),
    ...(inner.tree && { tree: inner.tree }),
    close: () => inner.close(),
  }
}

/** For a wrapper that has to see every byte: files are put, and not written past it. */
export function treeByPuts({ tree }: Target): { tree?: TargetTree } {
  if (tree === undefined) return {}
  const { openDirectory: _, ...byPuts } = tree
  return { tree: byPuts }
}
