import { setFlagsFromString } from 'node:v8'

/**
 * From now on each thread collects its own young generation. V8 gives shares of it to helper threads and waits for these: while other processes keep every core busy, that takes many
 * times as long as the work, and the event loop stands still. For a heap whose collections take few milliseconds.
 *
 * V8 looks at this flag at the beginning of a collection. Others of its kind (`--no-parallel-marking`, `--no-concurrent-array-buffer-sweeping` …) must not be changed in a process that
 * runs: it may end at once.
 */
export function scavengeAlone(): void {
  setFlagsFromString('--no-parallel-scavenge')
}
