import type { BytePath } from '../../lib/byte-path.ts'
import { pathText } from '../../lib/byte-path.ts'
import { canHoldSegment, foldSegment, type NameRules } from '../targets/name-rules.ts'

/** Which entries of a tree can stand under their own names. */
export interface TreeNames {
  /** To be asked once for each entry, in the order of the walk: of names the place takes for one, only the first can have it. */
  canHold(path: BytePath, isDirectory: boolean): boolean
}

interface Level {
  name: BytePath
  canHold: boolean
  /** what its children have in common with others; null where no two names are taken for one */
  folds: Set<string> | null
  /** Directories met whose content may still come: between `a` and `a/x` stand `a-` and `a.b`. Each name begins with the one before it. */
  waiting: { name: BytePath; canHold: boolean }[]
}

/**
 * Holds the names of the directories that are being walked, and no others.
 * @param prefix of the keys, with a slash at its end
 */
export function createTreeNames(rules: NameRules, prefix: string): TreeNames {
  const folding = !(rules.caseSensitive && rules.exactUnicode)
  const prefixBytes = Buffer.byteLength(prefix)
  const levels: Level[] = [newLevel('', true)]
  let parentPath: BytePath = ''

  function newLevel(name: BytePath, canHold: boolean): Level {
    return { name, canHold, folds: folding ? new Set() : null, waiting: [] }
  }

  function claim(level: Level, name: BytePath): boolean {
    if (!level.canHold) return false
    const { text, b64 } = pathText(name)
    if (b64 !== undefined || !canHoldSegment(rules, text)) return false
    if (level.folds === null) return true
    const fold = foldSegment(rules, text)
    if (level.folds.has(fold)) return false
    level.folds.add(fold)
    return true
  }

  /** What was decided of a directory when it was met; one that has no entry of its own is met with its content. */
  function enter(level: Level, name: BytePath): Level {
    const { waiting } = level
    while (waiting.length > 0 && !name.startsWith(waiting.at(-1)!.name)) waiting.pop()
    const met = waiting.at(-1)?.name === name ? waiting.at(-1)! : null
    return newLevel(name, met === null ? claim(level, name) : met.canHold)
  }

  function goTo(parent: BytePath): Level {
    if (parent !== parentPath) {
      parentPath = parent
      const segments = parent === '' ? [] : parent.split('/')
      let same = 0
      while (same < segments.length && levels[same + 1]?.name === segments[same]) same += 1
      levels.length = same + 1
      for (const segment of segments.slice(same)) levels.push(enter(levels.at(-1)!, segment))
    }
    return levels.at(-1)!
  }

  return {
    canHold(path, isDirectory) {
      const slash = path.lastIndexOf('/')
      const level = goTo(slash < 0 ? '' : path.slice(0, slash))
      const name = path.slice(slash + 1)
      const canHold = prefixBytes + path.length <= rules.maxKeyBytes && claim(level, name)
      if (isDirectory) {
        const { waiting } = level
        while (waiting.length > 0 && !name.startsWith(waiting.at(-1)!.name)) waiting.pop()
        waiting.push({ name, canHold })
      }
      return canHold
    },
  }
}
