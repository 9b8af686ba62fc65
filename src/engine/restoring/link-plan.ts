import type { BytePath } from '../../lib/byte-path.ts'
import type { ExtractItem, ExtractOutcome } from './extract-protocol.ts'

/**
 * Which hard links become links to what. A group is known by its first name, which holds the content in the archive. Remembers only what is out of the
 * ordinary: first names that are not where they should be, and directories that could not be made.
 */
export interface LinkPlan {
  /** Keeps up with what became of the entries. */
  onOutcome(item: ExtractItem, outcome: ExtractOutcome): void
  /** Whether no name of the group has its content yet. Asked where the first name may not be selected. */
  needsContent(firstName: BytePath): boolean
  /** The content of the group is restored under the name of this link. */
  standIn(link: ExtractItem): void
  isStandIn(link: ExtractItem): boolean
  /** Where the content of a link's group is; null when it is nowhere. Holds when everything that has content was restored. */
  targetOf(link: ExtractItem): BytePath | null
  isBlocked(directory: BytePath): boolean
}

export function createLinkPlan(): LinkPlan {
  /** first names that are elsewhere (renamed) or not there (null) */
  const displaced = new Map<BytePath, BytePath | null>()
  /** where the first name is not selected: the link that got the content, and where that is now */
  const standIns = new Map<BytePath, { link: BytePath; at: BytePath | null }>()
  const blocked = new Set<BytePath>()

  return {
    onOutcome(item, outcome) {
      const at = outcome.kind === 'done' ? item.to : outcome.kind === 'renamed' ? outcome.to : null
      if (item.kind === 'dir') {
        if (at === null) blocked.add(item.to)
      } else if (item.kind === 'file' && item.to === item.path) {
        if (at !== item.to) displaced.set(item.path, at)
      } else if (item.kind === 'file') {
        const standIn = standIns.get(item.path)
        if (standIn?.link === item.to) standIn.at = at
      }
    },
    needsContent: (firstName) => !standIns.has(firstName),
    standIn(link) {
      standIns.set(link.target!, { link: link.to, at: null })
    },
    isStandIn: (link) => standIns.get(link.target!)?.link === link.to,
    targetOf(link) {
      const firstName = link.target!
      const standIn = standIns.get(firstName)
      if (standIn !== undefined) return standIn.at
      return displaced.has(firstName) ? displaced.get(firstName)! : firstName
    },
    isBlocked: (directory) => blocked.has(directory),
  }
}
