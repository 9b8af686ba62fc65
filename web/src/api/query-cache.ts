import { QueryClient } from '@tanstack/vue-query'
import { BastionError } from '../../../src/core/errors.ts'

/** Answers of the Hub, kept while they are current: what changes is told by the live socket, so nothing is asked for again by the clock. */
export function createQueryCache(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        refetchOnWindowFocus: false,
        // What the Hub has answered stays so; only where nothing answered is it tried once more.
        retry: (failures, error) => failures < 1 && !(error instanceof BastionError),
      },
    },
  })
}
