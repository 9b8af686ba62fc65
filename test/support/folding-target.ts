import { passOn } from '../../src/engine/targets/pass-on.ts'
import type { Target } from '../../src/engine/targets/target.ts'

/** A target that takes names for one which differ in case or normalisation only, and refuses control characters and long names: what it keeps of them is one. */
export function foldingTarget(inner: Target): Target {
  const fold = (key: string): string => {
    if (/\p{Cc}/u.test(key) || key.split('/').some((segment) => Buffer.byteLength(segment) > 220))
      throw new Error(`the target cannot hold ${JSON.stringify(key)}`)
    return key.normalize('NFD').toLowerCase()
  }
  const { names: _, ...features } = inner.features
  return {
    ...passOn(inner),
    features,
    put: (key, body, options) => inner.put(fold(key), body, options),
    get: (key, options) => inner.get(fold(key), options),
    stat: (key) => inner.stat(fold(key)),
    remove: (key) => inner.remove(fold(key)),
  }
}
