import { BastionError } from '../../core/errors.ts'
import type { Download } from '../../protocol/http/route.ts'
import type { HttpServices } from './http-services.ts'

/**
 * Content that a node sends, on its way to whoever asked for it.
 * @param ask asks the node to send it by the byte stream of this id; its answer comes before the content
 */
export async function nodeDownload(
  { streams, newId }: Pick<HttpServices, 'streams' | 'newId'>,
  signal: AbortSignal,
  ask: (streamId: string) => Promise<Omit<Download, 'body'>>,
): Promise<Download> {
  const streamId = newId()
  const body = streams.read(streamId)
  // Whoever has gone may do so before the first byte is asked for; then nobody else tells the node.
  signal.addEventListener('abort', () => streams.abort(streamId, new BastionError('canceled', 'nobody reads any more')), { once: true })
  try {
    return { ...(await ask(streamId)), body }
  } catch (error) {
    streams.abort(streamId, error instanceof Error ? error : new Error('no download', { cause: error }))
    throw error
  }
}
