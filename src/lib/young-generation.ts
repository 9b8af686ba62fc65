import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

const lookEveryMs = 20

/**
 * Lets the heap's young generation grow to about `maxBytes` and no further. V8 takes its limit from the command line only, and without one lets it grow to 128 MiB in a program
 * that makes millions of small objects; by how much it grows when it does can be set at any time.
 */
export function limitYoungGeneration(maxBytes: number): void {
  const looking = setInterval(() => {
    const bytes = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? maxBytes
    if (bytes < maxBytes) return
    setFlagsFromString('--semi-space-growth-factor=1')
    clearInterval(looking)
  }, lookEveryMs)
  looking.unref()
}
