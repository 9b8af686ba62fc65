import { nextTick, onBeforeUnmount, onMounted, type Ref, watch } from 'vue'
import { scrollerOf } from './use-window.ts'

export interface EndKeyOptions {
  isLoadingMore: () => boolean
  /** and the last page that was asked for came */
  hasMore: () => boolean
  loadMore: () => void
}

const pauseMs = 250

/** What says that somebody wants to stay where they are. */
const otherWays = ['wheel', 'pointerdown', 'touchstart', 'keydown'] as const

/**
 * The key End goes to the end of a list that is read page by page, and stays there: it follows the pages as they come, until it is told otherwise. It works
 * where the focus is in what scrolls around `body`; nowhere in particular, too, where that is the page.
 */
export function useEndKey(body: Readonly<Ref<HTMLElement | null>>, { isLoadingMore, hasMore, loadMore }: EndKeyOptions): void {
  let isGoing = false

  function showEnd(): void {
    if (!isGoing || body.value === null) return
    const scroller = scrollerOf(body.value)
    const endPx = scroller instanceof Window ? document.documentElement.scrollHeight : scroller.scrollHeight
    scroller.scrollTo({ top: endPx, behavior: 'instant' })
  }

  function readOn(): void {
    if (isGoing && hasMore() && !isLoadingMore()) loadMore()
  }

  function take(event: Event): void {
    isGoing = false
    if (!(event instanceof KeyboardEvent) || event.key !== 'End' || event.defaultPrevented || body.value === null) return
    const scroller = scrollerOf(body.value)
    const from = event.target as HTMLElement
    const isInside = scroller instanceof HTMLElement && (scroller.contains(from) || (from === document.body && scroller.matches('main')))
    if (!isInside || from.closest('input, textarea, select, [role=listbox]') !== null) return
    event.preventDefault()
    isGoing = true
    showEnd()
    readOn()
  }

  // To draw each page that comes would take longer than to read it.
  let waiting: ReturnType<typeof setTimeout> | undefined
  const growing = new ResizeObserver(() => {
    waiting ??= setTimeout(() => {
      waiting = undefined
      showEnd()
    }, pauseMs)
  })
  watch(isLoadingMore, () => void nextTick(readOn))
  onMounted(() => {
    if (body.value !== null) growing.observe(body.value, { box: 'border-box' })
    for (const way of otherWays) addEventListener(way, take)
  })
  onBeforeUnmount(() => {
    growing.disconnect()
    clearTimeout(waiting)
    for (const way of otherWays) removeEventListener(way, take)
  })
}
