import { computed, onBeforeUnmount, onMounted, ref, type Ref, watch } from 'vue'

const extraRows = 12

const patienceMs = 200

/** When what the page shows by now is drawn and nothing else is to do. Not every browser says when it is idle. */
function whenIdle(work: () => void): void {
  if (typeof requestIdleCallback === 'undefined') requestAnimationFrame(() => setTimeout(work))
  else requestIdleCallback(work, { timeout: patienceMs })
}

/** Whether it is time for the next page: a fast wheel turns a few hundred rows while it comes, but of a short list not all is wanted. */
export function isNearEnd(to: number, count: number): boolean {
  return to >= count - Math.min(500, count / 3)
}

/** Which of many rows of one height are seen, for only those are drawn. `body` is what holds the rows; what scrolls is found around it. */
export function useWindow(body: Readonly<Ref<HTMLElement | null>>, count: () => number, rowHeightPx: number) {
  const first = ref(0)
  const seen = ref(20)
  let isAnyDrawn = false
  let scroller: HTMLElement | Window | null = null

  function look(): void {
    if (body.value === null || scroller === null) return
    const top = scroller instanceof Window ? 0 : scroller.getBoundingClientRect().top
    const height = scroller instanceof Window ? innerHeight : scroller.clientHeight
    const extra = isAnyDrawn ? extraRows : 0
    first.value = Math.max(0, Math.floor((top - body.value.getBoundingClientRect().top) / rowHeightPx) - extra)
    // Never fewer than there are: rows that go would have the page laid out again.
    seen.value = Math.max(seen.value, Math.ceil(height / rowHeightPx) + 2 * extra)
  }

  onMounted(() => {
    scroller = scrollerOf(body.value)
    scroller.addEventListener('scroll', look, { passive: true })
    addEventListener('resize', look)
    look()
  })
  // The rows that are seen come first; those around them when these are there and the page has nothing else to do.
  watch(
    () => count() > 0,
    (isAny) => {
      if (!isAny || isAnyDrawn) return
      whenIdle(() => {
        isAnyDrawn = true
        look()
      })
    },
    { immediate: true },
  )
  onBeforeUnmount(() => {
    scroller?.removeEventListener('scroll', look)
    removeEventListener('resize', look)
  })

  const from = computed(() => Math.max(0, Math.min(first.value, count() - seen.value)))
  const to = computed(() => Math.min(count(), from.value + seen.value))
  return { from, to, abovePx: computed(() => from.value * rowHeightPx), belowPx: computed(() => (count() - to.value) * rowHeightPx), look }
}

/** What scrolls around an element. */
export function scrollerOf(element: HTMLElement | null): HTMLElement | Window {
  for (let each = element?.parentElement; each; each = each.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(each).overflowY)) return each
  }
  return window
}
