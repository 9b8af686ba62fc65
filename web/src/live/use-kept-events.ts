import { onScopeDispose, ref, shallowRef } from 'vue'
import type { KeptRunEvent } from '../../../src/core/run-event.ts'
import type { LiveTopic } from '../../../src/protocol/live-messages.ts'
import { useServices } from '../app/services.ts'

/** Few at first, so that one sees something; then as many as the Hub gives. */
export const firstEvents = { after_seq: 0, limit: 100 }
const pageSize = 1000

export interface KeptEventsSource {
  /** `run:<id>` or `operation:<id>` */
  topic: LiveTopic
  fetchPage(query: { after_seq: number; limit: number }): Promise<{ items: KeptRunEvent[] }>
}

/** Every event of a run or an operation: those that were are read page by page, those to come are told. None is missing and none is there twice. */
export function useKeptEvents({ topic, fetchPage }: KeptEventsSource) {
  const { live } = useServices()
  const events = shallowRef<readonly KeptRunEvent[]>([])
  const isLoading = ref(true)
  const error = ref<unknown>(null)
  let isGone = false
  let stopFollowing: (() => void) | undefined
  let told: KeptRunEvent[] = []
  let drawing: number | undefined

  async function load(): Promise<void> {
    isLoading.value = true
    error.value = null
    try {
      for (let isLast = false; !isLast && !isGone;) {
        const asked = events.value.length === 0 ? firstEvents : { after_seq: lastSeq(), limit: pageSize }
        const { items } = await fetchPage(asked)
        isLast = items.length < asked.limit
        events.value = [...events.value, ...items]
      }
      if (!isGone) follow()
    } catch (failed) {
      error.value = failed
    } finally {
      isLoading.value = false
    }
  }

  function lastSeq(): number {
    return events.value.at(-1)?.seq ?? 0
  }

  function follow(): void {
    stopFollowing = live.follow(
      topic,
      {
        onMessage(message) {
          if (message.type !== 'run.event' && message.type !== 'operation.event') return
          told.push(message.event)
          drawing ??= requestAnimationFrame(draw)
        },
      },
      { afterSeq: lastSeq() },
    )
  }

  function draw(): void {
    drawing = undefined
    events.value = [...events.value, ...told]
    told = []
  }

  onScopeDispose(() => {
    isGone = true
    stopFollowing?.()
    if (drawing !== undefined) cancelAnimationFrame(drawing)
  })
  void load()
  return { events, isLoading, error, load }
}
