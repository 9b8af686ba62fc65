/**
 * Work of which one round serves all who wait for it, such as flushing a directory: while a round runs, those who come meanwhile share the next one,
 * which begins after all of them came. Rounds of different keys know nothing of each other.
 */
export function createSharedRounds(work: (key: string) => Promise<void>): (key: string) => Promise<void> {
  const rounds = new Map<string, { running: Promise<void>; next?: Promise<void> }>()

  function begin(key: string): Promise<void> {
    const round = { running: work(key) }
    rounds.set(key, round)
    const forget = (): void => {
      if (rounds.get(key) === round && !('next' in round)) rounds.delete(key)
    }
    round.running.then(forget, forget)
    return round.running
  }

  return (key) => {
    const round = rounds.get(key)
    if (round === undefined) return begin(key)
    round.next ??= round.running.then(
      () => begin(key),
      () => begin(key),
    )
    return round.next
  }
}
